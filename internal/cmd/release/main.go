// Command release packs built functions for publishing; `make release` builds
// them and runs it. Package release says what comes out.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"clientkeeper/internal/release"
)

func main() {
	version := flag.String("version", "", "the `stamp` that the executables carry")
	build := flag.String("build", "dist/build", "`folder` of executables, one folder in it per architecture")
	out := flag.String("out", "dist", "`folder` for the artefacts")
	flag.Parse()
	if err := run(release.Release{Version: *version, Build: *build, Out: *out}); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(r release.Release) (err error) {
	if r.Version == "" {
		return errors.New("-version is missing")
	}
	if r.Modules, err = modules(); err != nil {
		return err
	}
	made, err := r.Make()
	for _, a := range made {
		fmt.Printf("%9d  %.16s  %s\n", a.Size, a.SHA256, a.Name)
	}
	return err
}

// modules asks the go command where sources are.
func modules() (release.Modules, error) {
	own, err := os.ReadFile("LICENSE")
	if err != nil {
		return release.Modules{}, fmt.Errorf("run it in the repository's root: %w", err)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return release.Modules{}, err
	}
	listed, err := exec.Command("go", "list", "-m", "-json", "all").Output()
	if err != nil {
		return release.Modules{}, err
	}
	m := release.Modules{Own: string(own), GoRoot: strings.TrimSpace(string(root)), Folder: map[string]string{}}
	for d := json.NewDecoder(strings.NewReader(string(listed))); ; {
		var one struct{ Path, Version, Dir string }
		if err := d.Decode(&one); errors.Is(err, io.EOF) {
			return m, nil
		} else if err != nil {
			return m, err
		}
		m.Folder[one.Path+"@"+one.Version] = one.Dir
	}
}
