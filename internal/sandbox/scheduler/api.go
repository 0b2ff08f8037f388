package scheduler

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const maxBody = 1 << 20

// status is the HTTP status of each code, after the API reference.
var status = map[string]int{
	"ValidationException": http.StatusBadRequest, "ResourceNotFoundException": http.StatusNotFound,
	"ConflictException": http.StatusConflict,
}

// Handles reports whether a request is one for [Service.ServeHTTP], for an
// endpoint that several services share.
func Handles(r *http.Request) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	return first == "schedules" || first == "schedule-groups"
}

// ServeHTTP speaks the REST API: schedules can be created, read, listed,
// updated and deleted, groups can be read and listed.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := s.route(r)
	if err != nil {
		refuse(w, err)
		return
	}
	write(w, http.StatusOK, answer)
}

// route finds the operation of a request and carries it out.
func (s *Service) route(r *http.Request) (any, error) {
	kind, escaped, named := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	name, err := url.PathUnescape(escaped)
	if err != nil || strings.Contains(name, "/") {
		return nil, invalid("the name in the path cannot be read")
	}
	q := r.URL.Query()
	switch operation := r.Method + " " + kind; {
	case operation == "GET schedules" && !named:
		return s.listSchedules(q)
	case operation == "GET schedules":
		info, err := s.Get(groupOf(q.Get("groupName")) + "/" + name)
		return outputOf(info), err
	case operation == "POST schedules" && named:
		return s.write(r, name, s.create)
	case operation == "PUT schedules" && named:
		return s.write(r, name, func(schedule Schedule, _ string) error { return s.Update(schedule) })
	case operation == "DELETE schedules" && named:
		return struct{}{}, s.Delete(groupOf(q.Get("groupName")) + "/" + name)
	case operation == "GET schedule-groups" && !named:
		return map[string]any{"ScheduleGroups": []any{s.group()}}, nil
	case operation == "GET schedule-groups" && name == DefaultGroup:
		return s.group(), nil
	case operation == "GET schedule-groups":
		return nil, &Error{"ResourceNotFoundException", "Schedule group " + clip(name) + " does not exist."}
	}
	return nil, invalid("this scheduler does not do %s %s", r.Method, clip(kind))
}

func (s *Service) group() map[string]any {
	return map[string]any{
		"Arn":  "arn:aws:scheduler:" + s.opts.Region + ":" + s.opts.AccountID + ":schedule-group/" + DefaultGroup,
		"Name": DefaultGroup, "State": "ACTIVE",
	}
}

// write reads a schedule from a body and hands it to create or update.
func (s *Service) write(r *http.Request, name string, do func(Schedule, string) error) (any, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		return nil, invalid("the body cannot be read")
	}
	var in input
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, invalid("the body is not what this scheduler understands: %s", clip(err.Error()))
	}
	schedule, err := in.schedule(name)
	if err != nil {
		return nil, err
	}
	if err := do(schedule, in.ClientToken); err != nil {
		return nil, err
	}
	return map[string]string{"ScheduleArn": s.arn(Schedule{Name: name, Group: groupOf(schedule.Group)})}, nil
}

// listSchedules filters and pages. A token is the name of the last schedule of
// the page before.
func (s *Service) listSchedules(q url.Values) (any, error) {
	size := 100
	if text := q.Get("MaxResults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > size {
			return nil, invalid("MaxResults must be 1 to 100")
		}
		size = n
	}
	after, err := base64.RawURLEncoding.DecodeString(q.Get("NextToken"))
	if err != nil {
		return nil, invalid("NextToken is none of ours")
	}
	if group := groupOf(q.Get("ScheduleGroup")); group != DefaultGroup {
		return nil, &Error{"ResourceNotFoundException", "Schedule group " + clip(group) + " does not exist."}
	}
	out := struct {
		NextToken string `json:",omitempty"`
		Schedules []summary
	}{Schedules: []summary{}}
	for _, info := range s.List() {
		one := summaryOf(info)
		if info.Name <= string(after) || !strings.HasPrefix(info.Name, q.Get("NamePrefix")) || q.Has("State") && q.Get("State") != one.State {
			continue
		}
		if len(out.Schedules) == size {
			out.NextToken = base64.RawURLEncoding.EncodeToString([]byte(out.Schedules[size-1].Name))
			break
		}
		out.Schedules = append(out.Schedules, one)
	}
	return out, nil
}

func refuse(w http.ResponseWriter, err error) {
	e, known := errors.AsType[*Error](err)
	if !known {
		e = &Error{"InternalServerException", "an unexpected error"}
	}
	code := status[e.Code]
	if code == 0 {
		code = http.StatusInternalServerError
	}
	w.Header().Set("X-Amzn-Errortype", e.Code)
	write(w, code, map[string]string{"Message": e.Message})
}

func write(w http.ResponseWriter, code int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic("scheduler: an answer that is no JSON: " + err.Error()) // a bug here, never input
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(text) // whoever hung up does not want it
}
