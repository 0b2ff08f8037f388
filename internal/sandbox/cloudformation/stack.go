package cloudformation

import "slices"

func (r *resolver) stack() *Stack {
	s := &Stack{Name: r.options.StackName, Outputs: map[string]string{}}
	r.readHTTPAPIs()
	var rotations []*resource
	for _, res := range r.resources {
		if !r.exists(res) {
			continue
		}
		switch res.kind {
		case functionType:
			s.Functions = append(s.Functions, r.function(res))
		case queueType:
			s.Queues = append(s.Queues, r.queue(res))
		case secretType:
			s.Secrets = append(s.Secrets, r.secret(res))
		case rotationType:
			rotations = append(rotations, res)
		case httpAPIType, apiType, stageType, authorizerType, integrationType, routeType: // read before and below
		case alarmType:
			s.Alarms = append(s.Alarms, r.alarm(res))
		default:
			r.ignore(res.line, "%s: %s", res.id, res.kind)
		}
	}
	for _, res := range rotations {
		r.addRotation(s, res)
	}
	r.readPlainAPIs(s)
	s.HTTPAPIs = r.finishHTTPAPIs()
	r.readOutputs(s)
	s.Queues = r.inOrder(s.Queues)
	r.checkMappings(s)
	s.Ignored = r.ignored.lines()
	return s
}

// readOutputs resolves the Outputs section.
func (r *resolver) readOutputs(s *Stack) {
	for name, body := range entries(r.outputs) {
		m := r.mapping(body, "output "+name.Value)
		if condition := lookup(m, "Condition"); m == nil || condition != nil && !r.condition(name.Line, scalar(condition)) {
			continue
		}
		value := lookup(m, "Value")
		if value == nil {
			r.mistakes.add(name.Line, "output %s has no Value", name.Value)
			continue
		}
		if v, ok := r.str(value, "output "+name.Value); ok {
			s.Outputs[name.Value] = v
		}
	}
}

// inOrder sorts queues so that each comes after its dead-letter queue, and
// otherwise as in the template.
func (r *resolver) inOrder(queues []Queue) []Queue {
	var out []Queue
	waiting := slices.Clone(queues)
	for len(waiting) > 0 {
		i := slices.IndexFunc(waiting, func(q Queue) bool {
			target := q.deadLetterARN()
			return !slices.ContainsFunc(waiting, func(w Queue) bool { return w.ARN == target })
		})
		if i < 0 {
			r.mistakes.add(r.byID[waiting[0].LogicalID].line, "%s: its dead-letter queues go in a circle", waiting[0].LogicalID)
			return nil
		}
		out = append(out, waiting[i])
		waiting = slices.Delete(waiting, i, i+1)
	}
	return out
}

// checkMappings refuses what CreateEventSourceMapping refuses because of the
// queue.
func (r *resolver) checkMappings(s *Stack) {
	for _, f := range s.Functions {
		for _, e := range f.SQSEvents {
			i := slices.IndexFunc(s.Queues, func(q Queue) bool { return q.ARN == e.QueueARN })
			if i < 0 {
				continue
			}
			line, q := r.byID[f.LogicalID].line, s.Queues[i]
			if v := q.visibility(); v < f.Timeout {
				r.mistakes.add(line, "%s: the visibility timeout of %s is less than the function's timeout (%s < %s)",
					f.LogicalID, q.LogicalID, v, f.Timeout)
			}
			if q.FIFO && (e.BatchSize > 10 || e.Window > 0) {
				r.mistakes.add(line, "%s.%s: a FIFO queue takes batches up to 10 and no window", f.LogicalID, e.LogicalID)
			}
		}
	}
}
