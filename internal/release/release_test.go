package release_test

import (
	"archive/zip"
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"clientkeeper/internal/release"
)

// stamp is the version that the executables of these tests carry.
const stamp = "v1.2.3-stamp-of-this-test"

// functions builds every function once for all tests.
var functions = sync.OnceValues(func() (folder string, err error) {
	folder, err = os.MkdirTemp("", "release")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-ldflags", "-X clientkeeper/internal/app.Version="+stamp, "-o", folder+"/", "clientkeeper/functions/...")
	text, err := build.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, text)
	}
	return folder, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if folder, err := functions(); err == nil {
		_ = os.RemoveAll(folder)
	}
	os.Exit(code)
}

// modules asks the go command, as the command does.
func modules(t *testing.T) release.Modules {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	listed, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-json", "all").Output()
	if err != nil {
		t.Fatal(err)
	}
	m := release.Modules{Own: "our own", GoRoot: strings.TrimSpace(string(root)), Folder: map[string]string{}}
	for d := json.NewDecoder(bytes.NewReader(listed)); ; {
		var one struct{ Path, Version, Dir string }
		if err := d.Decode(&one); errors.Is(err, io.EOF) {
			return m
		} else if err != nil {
			t.Fatal(err)
		}
		m.Folder[one.Path+"@"+one.Version] = one.Dir
	}
}

// built is a folder as make release leaves it, with one function.
func built(t *testing.T) (folder string, executable []byte) {
	t.Helper()
	all, err := functions()
	if err != nil {
		t.Fatal(err)
	}
	executable, err = os.ReadFile(filepath.Join(all, "register-client"))
	if err != nil {
		t.Fatal(err)
	}
	folder = t.TempDir()
	write(t, filepath.Join(folder, "arm64", "some-function"), executable)
	return folder, executable
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAReleaseIsTheSameBytesAgain(t *testing.T) {
	folder, _ := built(t)
	m := modules(t)
	var sums [2]string
	for i := range sums {
		out := t.TempDir()
		made, err := release.Release{Version: stamp, Build: folder, Out: out, Modules: m}.Make()
		if err != nil || len(made) != 2 {
			t.Fatalf("made %v, %v", made, err)
		}
		text, err := os.ReadFile(filepath.Join(out, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = string(text)
		check := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", "SHA256SUMS")
		check.Dir = out
		if text, err := check.CombinedOutput(); err != nil {
			t.Errorf("sha256sum refuses: %s", text)
		}
	}
	if sums[0] != sums[1] {
		t.Errorf("first\n%sthen\n%s", sums[0], sums[1])
	}
}

func TestAnArchiveIsWhatLambdaTakes(t *testing.T) {
	folder, executable := built(t)
	out := t.TempDir()
	if _, err := (release.Release{Version: stamp, Build: folder, Out: out, Modules: modules(t)}).Make(); err != nil {
		t.Fatal(err)
	}
	archive, err := zip.OpenReader(filepath.Join(out, "some-function_"+strings.TrimPrefix(stamp, "v")+"_arm64.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	text := map[string][]byte{}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if text[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		if f.Name == "bootstrap" && f.Mode().Perm() != 0o755 {
			t.Errorf("bootstrap has the mode %v", f.Mode())
		}
	}
	if !bytes.Equal(text["bootstrap"], executable) {
		t.Error("bootstrap at the root is not the executable")
	}
	for _, words := range []string{"github.com/aws/aws-sdk-go-v2 v", "Apache License", "The Go Authors"} {
		if !bytes.Contains(text["NOTICES"], []byte(words)) {
			t.Errorf("NOTICES does not have %q", words)
		}
	}
	if string(text["LICENSE"]) != "our own" {
		t.Errorf("LICENSE is %q", text["LICENSE"])
	}
}

func TestABillOfMaterialsListsWhatTheExecutableContains(t *testing.T) {
	folder, executable := built(t)
	out := t.TempDir()
	if _, err := (release.Release{Version: stamp, Build: folder, Out: out, Modules: modules(t)}).Make(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(out, "some-function_"+strings.TrimPrefix(stamp, "v")+"_arm64.cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var bill struct {
		BOMFormat, SpecVersion, SerialNumber string
		Components                           []struct {
			PURL     string
			Licenses []struct{ License struct{ ID string } }
		}
	}
	if err := json.Unmarshal(text, &bill); err != nil {
		t.Fatal(err)
	}
	if bill.BOMFormat != "CycloneDX" || bill.SpecVersion != "1.6" || !strings.HasPrefix(bill.SerialNumber, "urn:uuid:") {
		t.Errorf("%s", text[:200])
	}
	info, err := buildinfo.Read(bytes.NewReader(executable))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")}
	for _, d := range info.Deps {
		want = append(want, "pkg:golang/"+d.Path+"@"+d.Version)
	}
	var got []string
	for _, c := range bill.Components {
		got = append(got, c.PURL)
		if len(c.Licenses) != 1 || !slices.Contains(release.Allowed, c.Licenses[0].License.ID) {
			t.Errorf("%s is licensed under %v", c.PURL, c.Licenses)
		}
	}
	if !slices.Equal(got, want) || len(got) < 2 {
		t.Errorf("listed %v, the executable has %v", got, want)
	}
}

func TestWhatMustNotBePublishedIsNot(t *testing.T) {
	withLicence := func(files map[string]string) func(*testing.T, *release.Release) {
		return func(t *testing.T, r *release.Release) {
			folder := t.TempDir()
			for name, text := range files {
				write(t, filepath.Join(folder, name), []byte(text))
			}
			for id := range r.Modules.Folder {
				r.Modules.Folder[id] = folder
			}
		}
	}
	mit, err := os.ReadFile("testdata/mit.txt")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		change func(*testing.T, *release.Release)
		says   string // empty: published
	}{
		"as it should be":        {func(*testing.T, *release.Release) {}, ""},
		"another licence, known": {withLicence(map[string]string{"LICENSE.md": string(mit)}), ""},
		"without the stamp":      {func(_ *testing.T, r *release.Release) { r.Version = "v9.9.9-other" }, "does not carry the version"},
		"nothing built":          {func(t *testing.T, r *release.Release) { r.Build = t.TempDir() }, "no executables"},
		"sources unknown":        {func(_ *testing.T, r *release.Release) { r.Modules.Folder = nil }, "sources of"},
		"no licence":             {withLicence(map[string]string{"README.md": "take it"}), "none of"},
		"one that asks for more": {withLicence(map[string]string{"LICENSE": string(mit) + "\nCommons Clause License Condition"}), "none of"},
		"unknown":                {withLicence(map[string]string{"LICENSE": "You may not."}), "none of"},
		"two that do not agree":  {withLicence(map[string]string{"LICENSE": string(mit), "COPYING": "GNU GENERAL PUBLIC LICENSE"}), "two licences"},
		"a notice is no licence": {withLicence(map[string]string{"NOTICE": string(mit)}), "none of"},
		"not an executable of Go": {func(t *testing.T, r *release.Release) {
			write(t, filepath.Join(r.Build, "arm64", "x"), []byte("#!/bin/sh\n"))
		}, "not an executable"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			folder, _ := built(t)
			r := release.Release{Version: stamp, Build: folder, Out: t.TempDir(), Modules: modules(t)}
			test.change(t, &r)
			_, err := r.Make()
			if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want %q", err, test.says)
			}
		})
	}
}

// What the functions are made of has to be licensed as we may publish it, also
// before anybody makes a release.
func TestTheFunctionsMayBePublished(t *testing.T) {
	all, err := functions()
	if err != nil {
		t.Fatal(err)
	}
	out, build := t.TempDir(), t.TempDir()
	if err := os.Symlink(all, filepath.Join(build, "here")); err != nil {
		t.Fatal(err)
	}
	made, err := release.Release{Version: stamp, Build: build, Out: out, Modules: modules(t)}.Make()
	if err != nil {
		t.Fatal(err)
	}
	folders, err := filepath.Glob("../../functions/*")
	if err != nil || len(made) != 2*len(folders) {
		t.Errorf("%d artefacts for %d functions, %v", len(made), len(folders), err)
	}
}
