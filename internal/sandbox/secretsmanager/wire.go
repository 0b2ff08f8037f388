package secretsmanager

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
)

// maxBody is above the largest request there can be: 65,536 bytes of value, of
// which JSON may make six times as many, and the rest.
const maxBody = 1 << 20

// A call is one request on its way: what it may see and change.
type call struct {
	service *Service
	region  *region
	now     time.Time
	fault   Fault
	changed []*secret // in the course of it
}

// An operation decodes a body and carries it out.
type operation func(*call, []byte) (any, error)

func bind[In any](f func(*call, *In) (any, error)) operation {
	return func(c *call, body []byte) (any, error) {
		var in In
		if err := decode(body, &in); err != nil {
			return nil, err
		}
		return f(c, &in)
	}
}

var operations = map[string]operation{
	"CreateSecret":                 bind((*call).createSecret),
	"PutSecretValue":               bind((*call).putSecretValue),
	"UpdateSecret":                 bind((*call).updateSecret),
	"UpdateSecretVersionStage":     bind((*call).updateSecretVersionStage),
	"GetSecretValue":               bind((*call).getSecretValue),
	"BatchGetSecretValue":          bind((*call).batchGetSecretValue),
	"DescribeSecret":               bind((*call).describeSecret),
	"ListSecrets":                  bind((*call).listSecrets),
	"ListSecretVersionIds":         bind((*call).listSecretVersionIDs),
	"TagResource":                  bind((*call).tagResource),
	"UntagResource":                bind((*call).untagResource),
	"DeleteSecret":                 bind((*call).deleteSecret),
	"RestoreSecret":                bind((*call).restoreSecret),
	"GetRandomPassword":            bind((*call).getRandomPassword),
	"PutResourcePolicy":            bind((*call).putResourcePolicy),
	"GetResourcePolicy":            bind((*call).getResourcePolicy),
	"DeleteResourcePolicy":         bind((*call).deleteResourcePolicy),
	"ValidateResourcePolicy":       bind((*call).validateResourcePolicy),
	"RotateSecret":                 bind((*call).rotateSecret),
	"CancelRotateSecret":           bind((*call).cancelRotateSecret),
	"ReplicateSecretToRegions":     bind((*call).replicateSecretToRegions),
	"RemoveRegionsFromReplication": bind((*call).removeRegionsFromReplication),
	"StopReplicationToReplica":     bind((*call).stopReplicationToReplica),
}

// ServeHTTP answers one request of the JSON 1.1 protocol: POST / with the
// operation in X-Amz-Target.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Amzn-Requestid", uuid.NewString())
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "secretsmanager.")
	run := operations[name]
	if r.Method != http.MethodPost || r.URL.Path != "/" || !ok || run == nil {
		writeError(w, &failure{code: "UnknownOperationException"})
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		writeError(w, &failure{code: "RequestEntityTooLargeException", status: http.StatusRequestEntityTooLarge})
		return
	}
	defer s.afterRequest() // the answer comes first, and may be lost
	region := s.regionOf(r)
	fault := s.faultFor(name, region, body)
	if err := fault.before(r.Context()); err != nil {
		writeError(w, err)
		return
	}
	out, err := s.run(name, region, fault, func(c *call) (any, error) { return run(c, body) })
	if lost := fault.after(); lost != nil {
		out, err = nil, lost
	}
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, out)
}

// run carries out one operation while nothing else happens.
func (s *Service) run(name, regionName string, fault Fault, f func(*call) (any, error)) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.options.Now()
	if s.options.Rates && !s.rates.allow(regionName, name, now) {
		return nil, throttled()
	}
	s.arrive(now)
	c := &call{service: s, region: s.region(regionName), now: now, fault: fault}
	defer c.copyToReplicas()
	return f(c)
}

var credentialScope = regexp.MustCompile(`Credential=[^/,\s]+/\d{8}/([a-z0-9-]{1,64})/`)

// regionOf reads the region from the scope of the signature, which is the only
// part of it that matters here.
func (s *Service) regionOf(r *http.Request) string {
	if m := credentialScope.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
		return m[1]
	}
	return s.options.Region
}

// decode reads a JSON object into a struct whose fields are named as on the
// wire. Unlike encoding/json it minds upper and lower case, as AWS does: a
// member that is misspelt is a member that is missing.
func decode(body []byte, in any) error {
	bad := &failure{code: "SerializationException"}
	members := map[string]json.RawMessage{}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &members); err != nil {
			return bad
		}
	}
	known := reflect.TypeOf(in).Elem()
	for name := range members {
		if _, ok := known.FieldByName(name); !ok {
			delete(members, name)
		}
	}
	exact, err := json.Marshal(members)
	if err != nil || json.Unmarshal(exact, in) != nil {
		return bad
	}
	return nil
}

func writeError(w http.ResponseWriter, err error) {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = &failure{code: "InternalServiceError", status: http.StatusInternalServerError}
	}
	writeJSON(w, f.httpStatus(), struct {
		Type    string `json:"__type"`
		Message string `json:",omitempty"`
	}{f.code, f.message})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // the connection is gone, and there is no one left to tell
}

// A stamp is a time as the wire has it: seconds since 1970, with milliseconds.
type stamp time.Time

// MarshalJSON keeps milliseconds.
func (t stamp) MarshalJSON() ([]byte, error) {
	return json.Marshal(float64(time.Time(t).UnixMilli()) / 1000)
}

// stampOf is nil for the zero time, so that omitempty leaves it out.
func stampOf(t time.Time) *stamp {
	if t.IsZero() {
		return nil
	}
	s := stamp(t)
	return &s
}

// day is the resolution of every LastAccessedDate.
func day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
