package rotation

import (
	"context"
	"maps"
	"slices"
	"time"

	"clientkeeper/internal/secret"
)

// fakeCatalog is the rest of Secrets Manager.
type fakeCatalog struct{ *world }

func (f fakeCatalog) List(context.Context) (out []Secret, err error) {
	err = f.do("List", false, func() error {
		for _, s := range f.state.secrets {
			out = append(out, s.describe())
		}
		return nil
	})
	return out, err
}

func (f fakeCatalog) History(_ context.Context, id string) (out []Version, err error) {
	err = f.do("History", false, func() error {
		out = slices.Clone(f.state.secrets[id].all)
		return nil
	})
	return out, err
}

func (f fakeCatalog) Rotate(_ context.Context, id, token string) error {
	return f.do("Rotate", true, func() error {
		s := f.state.secrets[id]
		if s.describe().inFlight() {
			f.started = append(f.started, s.has(Pending))
			return nil
		}
		s.RotationEnabled = true
		if !slices.ContainsFunc(s.all, func(v Version) bool { return v.ID == token }) {
			s.all = append(s.all, Version{ID: token, Created: time.Now()})
			s.label(Pending, token)
		}
		f.started = append(f.started, token)
		return nil
	})
}

func (f fakeCatalog) Create(_ context.Context, name, token string, v secret.Value, tags map[string]string) (string, error) {
	err := f.do("Create", true, func() error {
		if old, ok := f.state.secrets[name]; ok {
			if old.values[token] == v.Reveal() {
				return nil
			}
			return conflict("Create", "")
		}
		f.state.secrets[name] = &fakeSecret{Secret: Secret{ID: name, Name: name, Tags: maps.Clone(tags), Created: time.Now()},
			values: map[string]string{token: v.Reveal()}, all: []Version{{ID: token, Labels: []string{Current}, Created: time.Now()}}}
		return nil
	})
	return name, err
}

func (f fakeCatalog) Tag(_ context.Context, id string, tags map[string]string) error {
	return f.do("Tag", true, func() error {
		s := f.state.secrets[id]
		if s.Tags == nil {
			s.Tags = map[string]string{}
		}
		maps.Copy(s.Tags, tags)
		return nil
	})
}

func (f fakeCatalog) Untag(_ context.Context, id string, names ...string) error {
	return f.do("Untag", true, func() error {
		for _, n := range names {
			delete(f.state.secrets[id].Tags, n)
		}
		return nil
	})
}
