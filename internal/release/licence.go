package release

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Modules says where sources are.
type Modules struct {
	// Own is the text of this repository's licence.
	Own string
	// GoRoot is the folder of the Go distribution, for the standard library.
	GoRoot string
	// Folder maps a module's "path@version" to the folder of its sources.
	Folder map[string]string
}

// A module is one that an executable contains, with its licence.
type module struct {
	path, version, sum string
	licence            string   // the SPDX identifier
	texts              []string // of its licence and notice files
}

// Allowed are the licences that what ships may have, as SPDX identifiers: those
// that ask for a notice, which every archive has, and for nothing else.
var Allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"}

// stdlib is the name under which vulnerability databases know Go's library.
const stdlib = "std"

// licensed lists the modules in an executable, the standard library first, and
// fails unless the licence of each is known and allowed.
func (m Modules) licensed(info *buildinfo.BuildInfo) ([]module, error) {
	std, err := m.read(module{path: stdlib, version: strings.TrimPrefix(strings.Fields(info.GoVersion + " ")[0], "go")}, m.GoRoot)
	if err != nil {
		return nil, err
	}
	out := []module{std}
	for _, d := range info.Deps {
		if d.Replace != nil {
			return nil, fmt.Errorf("%s is replaced: what ships must be what its path says", d.Path)
		}
		one, err := m.read(module{path: d.Path, version: d.Version, sum: d.Sum}, m.Folder[d.Path+"@"+d.Version])
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// legal are the names of files that say what may be done with a module.
var legal = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice)(\.(md|txt))?$`)

// read finds the licence in the folder of a module's sources.
func (m Modules) read(one module, folder string) (module, error) {
	if folder == "" {
		return one, fmt.Errorf("the sources of %s %s are not known: run go mod download", one.path, one.version)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return one, err
	}
	for _, e := range entries {
		if e.IsDir() || !legal.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return one, err
		}
		one.texts = append(one.texts, string(text))
		if strings.HasPrefix(strings.ToLower(e.Name()), "notice") {
			continue
		}
		found := or(identify(string(text)), "unknown")
		if one.licence != "" && one.licence != found {
			return one, fmt.Errorf("%s has two licences, %s and %s: look at them and decide", one.path, one.licence, found)
		}
		one.licence = found
	}
	if !slices.Contains(Allowed, one.licence) {
		return one, fmt.Errorf("the licence of %s (%s) is none of %v: ask whether it may ship, then allow it, or do without the module",
			one.path, or(one.licence, "none"), Allowed)
	}
	return one, nil
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

var spaces = regexp.MustCompile(`\s+`)

// identify is the SPDX identifier of a licence's text, or empty. It goes by the
// grants and conditions themselves, not by titles, and takes nothing for one of
// the known that has words of a licence that asks for more.
func identify(text string) string {
	t := strings.ToLower(spaces.ReplaceAllString(text, " "))
	has := func(parts ...string) bool {
		return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(t, p) })
	}
	switch {
	case strings.Contains(t, "general public license"), strings.Contains(t, "mozilla public license"),
		strings.Contains(t, "commons clause"), strings.Contains(t, "business source license"):
		return ""
	case has("apache license", "version 2.0, january 2004", "grant of patent license"):
		return "Apache-2.0"
	case has("redistribution and use in source and binary forms", "neither the name of"):
		return "BSD-3-Clause"
	case has("redistribution and use in source and binary forms", "redistributions in binary form must reproduce"):
		return "BSD-2-Clause"
	case has("permission is hereby granted, free of charge", "the above copyright notice and this permission notice shall be included"):
		return "MIT"
	case has("permission to use, copy, modify, and", "distribute this software for any purpose"):
		return "ISC"
	}
	return ""
}

// notices are the licences and notices of the modules, as their terms ask them
// to accompany an executable.
func notices(all []module) []byte {
	var b bytes.Buffer
	fmt.Fprintln(&b, "This program contains the following software of others.")
	for _, m := range all {
		fmt.Fprintf(&b, "\n%s\n%s %s (%s)\n\n", strings.Repeat("-", 72), m.path, m.version, m.licence)
		b.WriteString(strings.Join(m.texts, "\n"))
	}
	return b.Bytes()
}
