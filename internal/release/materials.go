package release

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
)

// A subject is the executable that a bill of materials is about.
type subject struct {
	function, architecture, version string
	executable                      []byte
}

// The parts of a bill of materials that are used here. (CycloneDX 1.6 JSON
// reference.)
type (
	bill struct {
		Format       string       `json:"bomFormat"`
		Spec         string       `json:"specVersion"`
		Serial       string       `json:"serialNumber"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Component component `json:"component"`
	}
	component struct {
		Ref        string     `json:"bom-ref"`
		Type       string     `json:"type"`
		Name       string     `json:"name"`
		Version    string     `json:"version"`
		PURL       string     `json:"purl,omitempty"`
		Hashes     []hash     `json:"hashes,omitempty"`
		Licences   []licence  `json:"licenses"`
		Properties []property `json:"properties,omitempty"`
	}
	hash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	licence struct {
		Licence struct {
			ID string `json:"id"`
		} `json:"license"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	dependency struct {
		Ref     string   `json:"ref"`
		Depends []string `json:"dependsOn"`
	}
)

// materials is the bill of materials of an executable.
func materials(of subject, modules []module) ([]byte, error) {
	root := component{
		Ref: "clientkeeper/" + of.function, Type: "application", Name: "clientkeeper/" + of.function, Version: of.version,
		Hashes:     []hash{{"SHA-256", fmt.Sprintf("%x", sha256.Sum256(of.executable))}},
		Licences:   named("Apache-2.0"),
		Properties: []property{{"clientkeeper:architecture", of.architecture}},
	}
	out := bill{Format: "CycloneDX", Spec: "1.6", Version: 1, Metadata: metadata{root}}
	depends := dependency{Ref: root.Ref}
	for _, m := range modules {
		purl := fmt.Sprintf("pkg:golang/%s@%s", m.path, m.version)
		c := component{Ref: purl, Type: "library", Name: m.path, Version: m.version, PURL: purl, Licences: named(m.licence)}
		if m.sum != "" { // as in go.sum: a hash over the module's files, not of one file
			c.Properties = []property{{"go:sum", m.sum}}
		}
		out.Components = append(out.Components, c)
		depends.Depends = append(depends.Depends, purl)
	}
	out.Dependencies = []dependency{depends}
	unnumbered, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	out.Serial = "urn:uuid:" + uuid.NewSHA1(uuid.NameSpaceURL, unnumbered).String()
	text, err := json.MarshalIndent(out, "", "  ")
	return append(text, '\n'), err
}

func named(id string) []licence {
	var l licence
	l.Licence.ID = id
	return []licence{l}
}
