package sandbox

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets more tests run at once than there are processors: most of what
// they do is to wait for a tenant's changes to spread.
func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "6") // the flag itself, if given, comes later
	os.Exit(m.Run())
}
