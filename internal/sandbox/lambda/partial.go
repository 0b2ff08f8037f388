package lambda

import "encoding/json"

// remaining decides which messages of a batch stay in the queue; all others
// are deleted.
//
//	the function failed                        all stay
//	failures are not to be reported            none
//	nothing, null, {}, no or null or no items  none
//	not JSON, another shape or key             all stay
//	an item without an id, or of another batch all stay
//	otherwise                                  those listed
//
// Source: AWS, "Handling errors for an SQS event source in Lambda".
func remaining(report bool, r Result, batch []message) map[string]bool {
	all := make(map[string]bool, len(batch))
	for _, m := range batch {
		all[m.id] = true
	}
	if r.FunctionError != "" {
		return all
	}
	if !report || len(r.Payload) == 0 {
		return nil
	}
	items, ok := failedItems(r.Payload)
	if !ok {
		return all
	}
	listed := make(map[string]bool, len(items))
	for _, id := range items {
		if !all[id] {
			return all
		}
		listed[id] = true
	}
	return listed
}

// failedItems reads a partial batch response. Keys must be spelt exactly: a
// function that answers something else does not know what it promises.
func failedItems(payload []byte) (ids []string, ok bool) {
	var response map[string]json.RawMessage
	if json.Unmarshal(payload, &response) != nil {
		return nil, false
	}
	list, found := response["batchItemFailures"]
	if !found {
		return nil, len(response) == 0
	}
	var items []map[string]json.RawMessage
	if json.Unmarshal(list, &items) != nil {
		return nil, false
	}
	for _, item := range items {
		var id string
		if json.Unmarshal(item["itemIdentifier"], &id) != nil || id == "" {
			return nil, false
		}
		ids = append(ids, id)
	}
	return ids, true
}
