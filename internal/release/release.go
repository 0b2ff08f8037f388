// Package release turns built functions into what is published: for each
// function and architecture an archive that Lambda takes as it is, with the
// licences of what is in it; a bill of materials in CycloneDX's JSON; and the
// checksums of all of that.
//
// The same sources, Go version and version stamp give the same bytes: archives
// have a fixed order, time and mode, and a bill of materials tells no time and
// has a serial number that follows from its content.
//
// A bill of materials is made from the module list that the Go linker writes
// into each executable (package debug/buildinfo, `go version -m`): what is
// listed is what is inside, not what go.mod could need elsewhere. There are
// generators, such as cyclonedx-gomod; ours is a hundred lines, so that
// building a release runs no code but Go's and this repository's.
package release

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Release is where executables are found and where the artefacts go.
type Release struct {
	// Version is the stamp that the executables carry, such as v1.2.3.
	Version string
	// Build holds a folder per architecture, each with an executable per
	// function, under the function's name.
	Build string
	// Out is the folder for the artefacts. What it has of the same names is
	// overwritten.
	Out string
	// Modules says where the sources of a module are, for its licence.
	Modules Modules
}

// An Artefact is one published file.
type Artefact struct {
	Name   string // within Release.Out
	Size   int    // bytes
	SHA256 string // hexadecimal
}

// Make writes the artefacts, and SHA256SUMS as `sha256sum -c` reads it. It
// fails if there is nothing to publish, if an executable lacks the version
// stamp, and if a dependency's licence is none that is allowed.
func (r Release) Make() ([]Artefact, error) {
	executables, err := filepath.Glob(filepath.Join(r.Build, "*", "*"))
	if err != nil || len(executables) == 0 {
		return nil, fmt.Errorf("no executables in %s: run make release", r.Build)
	}
	slices.Sort(executables)
	if err := os.MkdirAll(r.Out, 0o755); err != nil {
		return nil, err
	}
	var all []Artefact
	for _, path := range executables {
		made, err := r.publish(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, made...)
	}
	var sums strings.Builder
	for _, a := range all {
		fmt.Fprintf(&sums, "%s  %s\n", a.SHA256, a.Name)
	}
	return all, os.WriteFile(filepath.Join(r.Out, "SHA256SUMS"), []byte(sums.String()), 0o644)
}

// publish makes the archive and the bill of materials of one executable.
func (r Release) publish(path string) ([]Artefact, error) {
	executable, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	info, err := buildinfo.Read(bytes.NewReader(executable))
	if err != nil {
		return nil, fmt.Errorf("not an executable that Go has built: %w", err)
	}
	if !bytes.Contains(executable, []byte(r.Version)) {
		return nil, fmt.Errorf("does not carry the version %s: build it with make release", r.Version)
	}
	licensed, err := r.Modules.licensed(info)
	if err != nil {
		return nil, err
	}
	function, architecture := filepath.Base(path), filepath.Base(filepath.Dir(path))
	archive, err := zipped(map[string]file{
		"bootstrap": {executable, 0o755},
		"LICENSE":   {[]byte(r.Modules.Own), 0o644},
		"NOTICES":   {notices(licensed), 0o644},
	})
	if err != nil {
		return nil, err
	}
	bill, err := materials(subject{function, architecture, r.Version, executable}, licensed)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s_%s_%s", function, strings.TrimPrefix(r.Version, "v"), architecture)
	return r.write(map[string][]byte{name + ".zip": archive, name + ".cdx.json": bill})
}

func (r Release) write(files map[string][]byte) ([]Artefact, error) {
	var out []Artefact
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(r.Out, name), content, 0o644); err != nil {
			return nil, err
		}
		out = append(out, Artefact{Name: name, Size: len(content), SHA256: fmt.Sprintf("%x", sha256.Sum256(content))})
	}
	slices.SortFunc(out, func(a, b Artefact) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}
