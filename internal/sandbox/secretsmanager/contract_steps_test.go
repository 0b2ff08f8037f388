package secretsmanager_test

import (
	"slices"
	"testing"
)

// steps are how a function is called, and what it finds.
var steps = []contract{
	{"S40 during createSecret the pending version has no value", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		r := s.rotator(t)
		r.before = func(e rotationEvent) {
			if e.Step != "createSecret" {
				return
			}
			s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, e.ClientRequestToken: {"AWSPENDING"}})
			if got := s.versions(t, name, false); !slices.Equal(got, []string{v1, e.ClientRequestToken}) {
				t.Errorf("versions %v, want %s and %s", got, v1, e.ClientRequestToken)
			}
			for _, by := range []object{{"VersionId": e.ClientRequestToken}, {"VersionStage": "AWSPENDING"},
				{"VersionId": e.ClientRequestToken, "VersionStage": "AWSPENDING"}} {
				by["SecretId"] = e.SecretId
				s.fails(t, "GetSecretValue", by, "ResourceNotFoundException")
			}
		}
		s.rotate(t, name, r)
		r.wantSteps(t, fourSteps...)
	}},
	{"S41 four steps in order, with ARN, token and rotation token", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		r := s.rotator(t)
		id := s.rotate(t, name, r)
		r.wantSteps(t, fourSteps...)
		arn, _ := s.works(t, "DescribeSecret", object{"SecretId": name})["ARN"].(string)
		for _, e := range r.events {
			if e.SecretId != arn || e.ClientRequestToken != id {
				t.Errorf("%s of %s for %s, want the full ARN and the token", e.Step, e.SecretId, e.ClientRequestToken)
			}
			if len(e.RotationToken) < 36 || len(e.RotationToken) > 256 || e.RotationToken == id {
				t.Errorf("a rotation token of %d characters", len(e.RotationToken))
			}
		}
	}},
	{"S42 a failing step ends the rotation and moves nothing", func(t *testing.T, s *service) {
		for i, step := range fourSteps {
			name, v1 := s.create(t, "one")
			r := s.rotator(t, func(r *rotator) { r.fail = failing(step) })
			v2 := s.rotate(t, name, r)
			s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, v2: {"AWSPENDING"}})
			s.wantValue(t, name, "", "", "one")
			r.wantSteps(t, slices.Repeat(fourSteps[:i+1], 3)...)
			if out := s.describe(t, name); out.LastRotatedDate != nil {
				t.Errorf("%s failed, and LastRotatedDate is %v", step, out.LastRotatedDate)
			}
		}
	}},
	{"S71 createSecret delivered twice makes one value", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		r := s.rotator(t)
		var first, second string
		r.before = func(e rotationEvent) {
			if e.Step != "setSecret" {
				return
			}
			first, _ = r.read(t.Context(), e, "AWSPENDING")
			e.Step = "createSecret"
			if err := r.step(t.Context(), e); err != nil {
				t.Errorf("delivered again: %v", err)
			}
			second, _ = r.read(t.Context(), e, "AWSPENDING")
		}
		s.rotate(t, name, r)
		if r.stored != 1 || first != second || first == "" || s.current(t, name) != first {
			t.Errorf("%d values were stored, or another became current", r.stored)
		}
	}},
	{"S72 steps for the current version do nothing", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		r := s.rotator(t)
		id := s.rotate(t, name, r)
		want, value := stages{v1: {"AWSPREVIOUS"}, id: {"AWSCURRENT"}}, s.current(t, name)
		for _, step := range fourSteps {
			if failed, _ := r.handle(t.Context(), rotationEvent{Step: step, SecretId: name, ClientRequestToken: id}); failed != "" {
				t.Errorf("%s: %v", step, r.errs)
			}
		}
		s.wantStages(t, name, want)
		if got := s.current(t, name); got != value || r.stored != 1 {
			t.Error("the value changed")
		}
	}},
	{"S73 steps for a version that is not pending fail", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		r := s.rotator(t)
		id := s.rotate(t, name, r)
		for _, version := range []string{v1, token()} {
			for _, step := range fourSteps {
				if failed, _ := r.handle(t.Context(), rotationEvent{Step: step, SecretId: name, ClientRequestToken: version}); failed == "" {
					t.Errorf("%s for %s succeeded", step, version)
				}
			}
		}
		s.wantStages(t, name, stages{v1: {"AWSPREVIOUS"}, id: {"AWSCURRENT"}})
	}},
	{"S75 a retry starts again at createSecret with the same version", func(t *testing.T, s *service) {
		for i, step := range fourSteps {
			for _, late := range []bool{false, true} {
				name, v1 := s.create(t, "one")
				r := s.rotator(t, func(r *rotator) { r.fail, r.late = failingOnce(step), late })
				id := s.rotate(t, name, r)
				r.wantSteps(t, slices.Concat(fourSteps[:i+1], fourSteps)...)
				s.wantStages(t, name, stages{v1: {"AWSPREVIOUS"}, id: {"AWSCURRENT"}})
				for _, e := range r.events {
					if e.ClientRequestToken != id {
						t.Errorf("%s came for %s, want %s", e.Step, e.ClientRequestToken, id)
					}
				}
				if r.stored != 1 {
					t.Errorf("%s failed, late %v, and %d values were stored", step, late, r.stored)
				}
			}
		}
	}},
}
