package credential

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

type fakeStore struct{ *world }

func (w fakeStore) find(id string) *fakeSecret {
	for _, s := range w.secrets {
		if s.ARN == id || s.Name == id {
			return s
		}
	}
	return nil
}

func (w fakeStore) Create(_ context.Context, name, token, text string, v secret.Value, tags map[string]string) (arn string, err error) {
	return arn, w.call("store.create", func() error {
		if there := w.secrets[name]; there != nil {
			if there.versions[token].Equal(v) && !v.IsZero() {
				arn = there.ARN
				return nil
			}
			return refused(fault.Conflict, "exists")
		}
		arn = "arn:" + w.id(name)
		w.secrets[name] = &fakeSecret{Stored: Stored{ARN: arn, Name: name, Text: text, Ours: true, Tags: maps.Clone(tags), Created: time.Now(), Stages: map[string][]string{token: {"AWSCURRENT"}}},
			versions: map[string]secret.Value{token: v}, current: token}
		return nil
	})
}

// within runs f with a secret.
func (w fakeStore) within(op, id string, f func(*fakeSecret) error) error {
	return w.call(op, func() error {
		s := w.find(id)
		if s == nil {
			return refused(fault.NotFound, "")
		}
		return f(s)
	})
}

func (w fakeStore) Describe(_ context.Context, id string) (out Stored, err error) {
	return out, w.within("store.describe", id, func(s *fakeSecret) error { out = s.Stored; return nil })
}

func (w fakeStore) Value(_ context.Context, id string) (out secret.Value, err error) {
	return out, w.within("store.value", id, func(s *fakeSecret) error { out = s.versions[s.current]; return nil })
}

func (w fakeStore) Put(_ context.Context, id, token string, v secret.Value) error {
	return w.within("store.put", id, func(s *fakeSecret) error {
		if old, there := s.versions[token]; there {
			if old.Equal(v) {
				return nil
			}
			return refused(fault.Conflict, "version_has_other_value")
		}
		s.versions[token] = v
		s.Stages = map[string][]string{token: {"AWSCURRENT"}, s.current: {"AWSPREVIOUS"}}
		s.current = token
		return nil
	})
}

func (w fakeStore) Manage(_ context.Context, id string, m Management) error {
	return w.within("store.manage", id, func(s *fakeSecret) error {
		var v struct {
			ClientID string `json:"client_id"`
		}
		if json.Unmarshal([]byte(s.versions[s.current].Reveal()), &v) != nil || v.ClientID != m.ClientID {
			w.t.Error("a secret is managed before it names its client")
		}
		s.Managed, s.ClientID, s.Kind = true, m.ClientID, m.Kind
		return nil
	})
}

func (w fakeStore) Erase(_ context.Context, id string) error {
	return w.call("store.erase", func() error {
		if s := w.find(id); s != nil {
			delete(w.secrets, s.Name)
		}
		return nil
	})
}

func (w fakeStore) Discard(_ context.Context, id string) error {
	return w.within("store.discard", id, func(s *fakeSecret) error { s.Deleted = true; return nil })
}

func (w fakeStore) Managed(_ context.Context, clientID string) (out []Stored, err error) {
	return w.list("store.managed", func(s *fakeSecret) bool { return s.Managed && (clientID == "" || s.ClientID == clientID) })
}

func (w fakeStore) Requested(context.Context) (out []Stored, err error) {
	return w.list("store.requested", func(s *fakeSecret) bool { return s.Tags[TagRequest] != "" })
}

func (w fakeStore) list(op string, wanted func(*fakeSecret) bool) (out []Stored, err error) {
	return out, w.call(op, func() error {
		for _, s := range w.secrets {
			if !s.Deleted && wanted(s) {
				out = append(out, s.Stored)
			}
		}
		return nil
	})
}

func (w fakeStore) EnableRotation(_ context.Context, id string) error {
	return w.within("store.enable", id, func(s *fakeSecret) error {
		if !s.Managed {
			w.t.Error("rotation is switched on for a secret that is not managed")
		}
		s.RotationEnabled = true
		return nil
	})
}

func (w fakeStore) Rotate(_ context.Context, id, token string) error {
	return w.within("store.rotate", id, func(s *fakeSecret) error {
		for version, labels := range s.Stages {
			if slices.Contains(labels, "AWSPENDING") && version != s.current {
				return refused(fault.Conflict, "rotation_in_progress")
			}
		}
		s.Stages = maps.Clone(s.Stages)
		s.Stages[token] = []string{"AWSPENDING"}
		return nil
	})
}

func (w fakeStore) History(_ context.Context, id string) (out map[string]time.Time, err error) {
	return out, w.within("store.history", id, func(s *fakeSecret) error {
		out = map[string]time.Time{}
		for token := range s.versions {
			out[token] = time.Now()
		}
		return nil
	})
}
