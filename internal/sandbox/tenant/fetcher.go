package tenant

import (
	"context"
	"errors"
	"time"
)

// fetchTimeout bounds one fetch, whatever the Fetcher does. Auth0 documents
// none.
const fetchTimeout = 10 * time.Second

type noFetcher struct{}

func (noFetcher) Fetch(context.Context, string, int64) (Fetched, error) {
	return Fetched{}, errors.New("the tenant has no way to fetch documents")
}
