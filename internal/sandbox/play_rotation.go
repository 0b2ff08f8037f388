package sandbox

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"clientkeeper/internal/sandbox/secretsmanager"
	"clientkeeper/internal/sandbox/tenant"
)

// A Rotated secret is one whose rotation was played.
type Rotated struct {
	Name     string                     `json:"name"`
	Kind     string                     `json:"kind"` // what is rotated, and how
	ARN      string                     `json:"arn"`
	ClientID string                     `json:"client_id"`
	Before   string                     `json:"before"` // versions that were AWSCURRENT
	After    string                     `json:"after"`
	Steps    []secretsmanager.StepEvent `json:"-"`
	Took     time.Duration              `json:"took"`

	keys int // attached before
}

// shortWindow keeps demonstrations short.
const shortWindow = 2 * time.Second

func (s *Sandbox) window() time.Duration { return cmp.Or(s.options.Window, shortWindow) }

// audience is the API that the sandbox's own clients may use.
const audience = "https://orders.example.com/"

// PlayRotations rotates a secret of each kind once, the management client's
// own at last, and follows them to their end.
func (s *Sandbox) PlayRotations(ctx context.Context) ([]*Rotated, error) {
	all, err := s.rotationSubjects()
	if err != nil {
		return nil, err
	}
	if err := s.Secrets.Idle(ctx); err != nil { // the test that came with its switching on
		return nil, err
	}
	client := awssecrets.NewFromConfig(s.awsConfig())
	arn := s.functionARN("RotateSecretFunction")
	for _, r := range all {
		r.Before, r.keys = s.current(r.ARN), len(s.Tenant.AttachedKeys(r.ClientID))
		start := time.Now()
		_, err := client.RotateSecret(ctx, &awssecrets.RotateSecretInput{SecretId: &r.ARN, RotationLambdaARN: &arn,
			RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(30)}})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, err)
		}
		if err := s.Secrets.Idle(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, err)
		}
		r.After, r.Took = s.current(r.ARN), time.Since(start)
		r.Steps = s.steps.of(r.ARN, r.After)
	}
	return all, nil
}

// rotationSubjects makes a client and its secret for each kind of rotation.
func (s *Sandbox) rotationSubjects() ([]*Rotated, error) {
	s.Tenant.AddAPI(audience)
	orders, ordersSecret := s.Tenant.AddClient("orders")
	billing, billingSecret := s.Tenant.AddClient("billing")
	reports, _ := s.Tenant.AddClient("reports")
	for _, id := range []string{orders, billing, reports} {
		s.Tenant.AddGrant(id, audience, "read:orders")
	}
	key, err := s.giveKey(reports)
	if err != nil {
		return nil, err
	}
	tags := func(id, kind, strategy string) map[string]string {
		return map[string]string{"clientkeeper:managed": "true", "clientkeeper:tenant": s.Tenant.Domain(), "clientkeeper:client-id": id,
			"clientkeeper:kind": kind, "clientkeeper:strategy": strategy, "clientkeeper:interval": "30d", "clientkeeper:audience": audience}
	}
	all := []*Rotated{
		{Name: "clients/orders", Kind: "client secret, made here", ClientID: orders},
		{Name: "clients/billing", Kind: "client secret, made by the tenant", ClientID: billing},
		{Name: "clients/reports", Kind: "key", ClientID: reports},
	}
	values := []map[string]string{{"client_secret": ordersSecret}, {"client_secret": billingSecret}, key}
	kinds := [][2]string{{"client_secret", "local"}, {"client_secret", "tenant-generated"}, {"private_key_jwt", "local"}}
	for i, r := range all {
		if r.ARN, err = s.store(r, values[i], tags(r.ClientID, kinds[i][0], kinds[i][1])); err != nil {
			return nil, err
		}
	}
	return append(all, &Rotated{Name: "clientkeeper/management", Kind: "the management client's own secret", ClientID: s.management.id, ARN: s.management.arn}), nil
}

func (s *Sandbox) store(r *Rotated, value map[string]string, tags map[string]string) (string, error) {
	value["client_id"], value["issuer"], value["token_endpoint"] = r.ClientID, "https://"+s.Tenant.Domain()+"/", "https://"+s.Tenant.Domain()+"/oauth/token"
	for _, member := range []string{"client_secret", "private_key_pem"} {
		if value[member] != "" {
			s.Journal.hunt(value[member])
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	return s.Secrets.Put(r.Name, string(text), tags)
}

// giveKey lets a client authenticate with a key, and returns what to store.
func (s *Sandbox) giveKey(clientID string) (map[string]string, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if _, err := s.Tenant.AddKey(clientID, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), "RS256"); err != nil {
		return nil, err
	}
	keys := s.Tenant.AttachedKeys(clientID)
	return map[string]string{
		"token_endpoint_auth_method": "private_key_jwt", "alg": "RS256", "kid": keys[0].KeyID,
		"private_key_pem": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	}, nil
}

// secretView is a secret as it really is.
func (s *Sandbox) secretView(arn string) secretsmanager.SecretView {
	for _, v := range s.Secrets.Snapshot() {
		if v.ARN == arn {
			return v
		}
	}
	return secretsmanager.SecretView{}
}

// holder is the version of a secret that has a label.
func holder(v secretsmanager.SecretView, label string) string {
	for _, version := range v.Versions {
		if slices.Contains(version.Stages, label) {
			return version.ID
		}
	}
	return ""
}

func (s *Sandbox) current(arn string) string { return holder(s.secretView(arn), "AWSCURRENT") }

// CheckRotations says what is not as it should be after PlayRotations: each
// secret has a new version that logs in, and nothing is left over.
func (s *Sandbox) CheckRotations(ctx context.Context, all []*Rotated) []string {
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for _, r := range all {
		view := s.secretView(r.ARN)
		if r.After == "" || r.After == r.Before {
			say("%s: no new version is AWSCURRENT", r.Name)
			continue
		}
		if p := holder(view, "AWSPENDING"); p != "" && p != r.After {
			say("%s: AWSPENDING is left on another version", r.Name)
		}
		if holder(view, "AWSPREVIOUS") != r.Before {
			say("%s: AWSPREVIOUS is not the version before", r.Name)
		}
		if err := s.logsIn(ctx, r); err != nil {
			say("%s: %v", r.Name, err)
		}
		if n := len(s.Tenant.AttachedKeys(r.ClientID)); r.keys > 0 && n != 2 {
			say("%s: %d keys are attached, not the new one and the old one beside it", r.Name, n)
		}
	}
	return wrong
}

// logsIn looks whether what is AWSCURRENT works at the tenant.
func (s *Sandbox) logsIn(ctx context.Context, r *Rotated) error {
	out, err := awssecrets.NewFromConfig(s.awsConfig()).GetSecretValue(ctx, &awssecrets.GetSecretValueInput{SecretId: &r.ARN})
	if err != nil {
		return err
	}
	var value map[string]string
	if err := json.Unmarshal([]byte(*out.SecretString), &value); err != nil {
		return err
	}
	if value["client_secret"] != "" {
		s.Journal.hunt(value["client_secret"])
		if !s.Tenant.Accepts(r.ClientID, value["client_secret"]) {
			return fmt.Errorf("the tenant does not accept the new secret")
		}
		return nil
	}
	if !slices.ContainsFunc(s.Tenant.AttachedKeys(r.ClientID), func(k tenant.Key) bool { return k.KeyID == value["kid"] }) {
		return fmt.Errorf("the new key is not attached")
	}
	return nil
}
