package auth0

import (
	"os"
	"sync"
	"testing"

	"clientkeeper/internal/openapi"
)

// description is the API description that the sandbox's tenant is tested
// against too.
var description = sync.OnceValues(func() (*openapi.Description, error) {
	text, err := os.ReadFile("../sandbox/tenant/testdata/openapi.yaml")
	if err != nil {
		return nil, err
	}
	return openapi.Parse(text)
})

// described holds JSON against a schema of the description.
func described(t *testing.T, schema, text string) {
	t.Helper()
	d, err := description()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Validate(schema, []byte(text)); err != nil {
		t.Errorf("%s is no %s: %v", text, schema, err)
	}
}
