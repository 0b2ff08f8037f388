package sqs

import "regexp"

const maxEntries = 10

var entryID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// checkBatch refuses a batch as a whole: none or too many entries, or ids that
// cannot tell them apart.
func checkBatch[E any](kind string, entries []E, id func(E) *string) *apiError {
	if len(entries) == 0 {
		return batchError("EmptyBatchRequest", "There should be at least one %s in the request.", kind)
	}
	if len(entries) > maxEntries {
		return batchError("TooManyEntriesInBatchRequest",
			"Maximum number of entries per request are %d. You have sent %d.", maxEntries, len(entries))
	}
	seen := map[string]bool{}
	for _, e := range entries {
		id := id(e)
		if id == nil {
			return missing(kind + ".Id")
		}
		if !entryID.MatchString(*id) {
			return batchError("InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens "+
				"and underscores. It can be at most 80 letters long.")
		}
		if seen[*id] {
			return batchError("BatchEntryIdsNotDistinct", "Id %s repeated.", *id)
		}
		seen[*id] = true
	}
	return nil
}

// failed is an error as the outcome of one entry.
func failed(id string, e *apiError) failure {
	return failure{ID: id, SenderFault: e.senderFault(), Code: e.code, Message: e.message}
}

// each does one thing for every entry that names a receipt handle, and sorts
// the outcomes.
func each(entries []handleEntry, do func(handleEntry) *apiError) ([]success, []failure) {
	done, not := []success{}, []failure(nil)
	for _, e := range entries {
		if err := do(e); err != nil {
			not = append(not, failed(*e.ID, err))
			continue
		}
		done = append(done, success{*e.ID})
	}
	return done, not
}

func handleID(e handleEntry) *string { return e.ID }
