package webhook_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/webhook"
)

// The example that the libraries of Standard Webhooks test themselves with.
const (
	published     = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	publishedBody = `{"test": 2432232314}`
)

var publishedDelivery = webhook.Delivery{ID: "msg_p5jXN8AQM9LWM0D4loKWxJek", Timestamp: "1614265330",
	Signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}

var publishedAt = time.Unix(1614265330, 0)

func key(t testing.TB, text string) webhook.Key {
	t.Helper()
	k, err := webhook.ParseKey(secret.New(text))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func another(t testing.TB) webhook.Key {
	return key(t, "whsec_"+base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)))
}

func TestThePublishedExample(t *testing.T) {
	if err := webhook.Verify(publishedDelivery, []byte(publishedBody), publishedAt, key(t, published)); err != nil {
		t.Error(err)
	}
	if got := webhook.Sign(publishedDelivery.ID, publishedAt, []byte(publishedBody), key(t, published)); got != publishedDelivery {
		t.Errorf("signed %+v", got)
	}
}

func TestVerify(t *testing.T) {
	mine, other := key(t, published), another(t)
	good := publishedDelivery
	change := func(f func(*webhook.Delivery)) webhook.Delivery {
		d := good
		f(&d)
		return d
	}
	signature := func(s string) webhook.Delivery { return change(func(d *webhook.Delivery) { d.Signature = s }) }
	id := func(s string) webhook.Delivery {
		return change(func(d *webhook.Delivery) {
			d.ID = s
			d.Signature = webhook.Sign(s, publishedAt, []byte(publishedBody), mine).Signature
		})
	}
	stamp := func(s string) webhook.Delivery { return change(func(d *webhook.Delivery) { d.Timestamp = s }) }
	signedBy := func(k webhook.Key) webhook.Delivery {
		return webhook.Sign(good.ID, publishedAt, []byte(publishedBody), k)
	}
	keys := []webhook.Key{mine}
	tests := map[string]struct {
		d    webhook.Delivery
		body string
		late time.Duration
		keys []webhook.Key
		want string // reason
	}{
		"as it was signed":                  {good, publishedBody, 0, keys, ""},
		"four minutes fifty-nine old":       {good, publishedBody, 299 * time.Second, keys, ""},
		"exactly five minutes old":          {good, publishedBody, 300 * time.Second, keys, ""},
		"five minutes and a second old":     {good, publishedBody, 301 * time.Second, keys, "signature_stale"},
		"exactly five minutes early":        {good, publishedBody, -300 * time.Second, keys, ""},
		"five minutes and a second early":   {good, publishedBody, -301 * time.Second, keys, "signature_stale"},
		"years old":                         {good, publishedBody, 1e5 * time.Hour, keys, "signature_stale"},
		"with the previous secret":          {good, publishedBody, 0, []webhook.Key{other, mine}, ""},
		"with a secret no longer in use":    {good, publishedBody, 0, []webhook.Key{other}, "signature_mismatch"},
		"no secret in use":                  {good, publishedBody, 0, nil, "signature_mismatch"},
		"a zero secret":                     {good, publishedBody, 0, []webhook.Key{{}}, "signature_mismatch"},
		"signed with a zero secret":         {signedBy(webhook.Key{}), publishedBody, 0, []webhook.Key{{}}, "signature_mismatch"},
		"two signatures, ours second":       {signature("v1," + strings.Repeat("A", 43) + "= " + good.Signature), publishedBody, 0, keys, ""},
		"beside an asymmetric one":          {signature("v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg== " + good.Signature), publishedBody, 0, keys, ""},
		"two spaces between":                {signature("v1,x  " + good.Signature), publishedBody, 0, keys, ""},
		"only an asymmetric one":            {signature("v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="), publishedBody, 0, keys, "signature_malformed"},
		"our signature as another version":  {signature(strings.Replace(good.Signature, "v1,", "v2,", 1)), publishedBody, 0, keys, "signature_malformed"},
		"no version":                        {signature(strings.TrimPrefix(good.Signature, "v1,")), publishedBody, 0, keys, "signature_malformed"},
		"an empty signature":                {signature("v1,"), publishedBody, 0, keys, "signature_malformed"},
		"a cut signature":                   {signature(good.Signature[:20]), publishedBody, 0, keys, "signature_malformed"},
		"a signature in hexadecimal":        {signature("v1," + strings.Repeat("ab", 32)), publishedBody, 0, keys, "signature_malformed"},
		"a signature in base64url":          {signature(strings.NewReplacer("+", "-", "/", "_").Replace(good.Signature)), publishedBody, 0, keys, "signature_malformed"},
		"a signature with slack bits":       {signature(strings.Replace(good.Signature, "1OE=", "1OF=", 1)), publishedBody, 0, keys, "signature_malformed"},
		"a signature and text behind it":    {signature(good.Signature + "x"), publishedBody, 0, keys, "signature_malformed"},
		"comma between signatures":          {signature("v1,x," + good.Signature), publishedBody, 0, keys, "signature_malformed"},
		"a signature too many":              {signature(strings.Repeat("v1,"+strings.Repeat("A", 43)+"= ", 16) + good.Signature), publishedBody, 0, keys, "signature_mismatch"},
		"an endless header":                 {signature(strings.Repeat("v1,x ", 500) + good.Signature), publishedBody, 0, keys, "signature_malformed"},
		"another body":                      {good, publishedBody + " ", 0, keys, "signature_mismatch"},
		"no body":                           {good, "", 0, keys, "signature_mismatch"},
		"the body with its end moved":       {good, publishedBody[:len(publishedBody)-1], 0, keys, "signature_mismatch"},
		"another id":                        {change(func(d *webhook.Delivery) { d.ID = "msg_x" }), publishedBody, 0, keys, "signature_mismatch"},
		"another timestamp":                 {stamp("1614265331"), publishedBody, 0, keys, "signature_mismatch"},
		"a timestamp with a zero before it": {stamp("01614265330"), publishedBody, 0, keys, "signature_mismatch"},
		"no id":                             {id(""), publishedBody, 0, keys, "signature_missing"},
		"no timestamp":                      {stamp(""), publishedBody, 0, keys, "signature_missing"},
		"no signature":                      {signature(""), publishedBody, 0, keys, "signature_missing"},
		"an id with a full stop":            {id("msg.1"), publishedBody, 0, keys, "signature_malformed"},
		"an id with a space":                {id("msg 1"), publishedBody, 0, keys, "signature_malformed"},
		"an id with a line break":           {id("msg\n1"), publishedBody, 0, keys, "signature_malformed"},
		"an id beyond ASCII":                {id("msg_é"), publishedBody, 0, keys, "signature_malformed"},
		"an id with a delete character":     {id("msg\x7f1"), publishedBody, 0, keys, "signature_malformed"},
		"the longest id":                    {id(strings.Repeat("x", 128)), publishedBody, 0, keys, ""},
		"an id that is too long":            {id(strings.Repeat("x", 129)), publishedBody, 0, keys, "signature_malformed"},
		"a timestamp with a sign":           {stamp("+1614265330"), publishedBody, 0, keys, "signature_malformed"},
		"a negative timestamp":              {stamp("-1614265330"), publishedBody, 0, keys, "signature_malformed"},
		"a timestamp in milliseconds":       {stamp("1614265330000"), publishedBody, 0, keys, "signature_malformed"},
		"a timestamp as a date":             {stamp("2021-02-25T15:02:10Z"), publishedBody, 0, keys, "signature_malformed"},
		"a timestamp with a fraction":       {stamp("1614265330.0"), publishedBody, 0, keys, "signature_malformed"},
		"a timestamp in another script":     {stamp("١٦١٤"), publishedBody, 0, keys, "signature_malformed"},
		"a timestamp beyond all numbers":    {stamp("99999999999999999999"), publishedBody, 0, keys, "signature_malformed"},
	}
	for name, test := range tests {
		err := webhook.Verify(test.d, []byte(test.body), publishedAt.Add(test.late), test.keys...)
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if fault.KindOf(err) != fault.Unauthenticated || fault.Reason(err) != test.want {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

// What is between two full stops of a signed text cannot be taken for another
// field of it.
func TestASignedTextHasOneReading(t *testing.T) {
	k := key(t, published)
	d := webhook.Sign("msg_1", publishedAt, []byte(`1614265330.{"a":1}`), k)
	d.ID, d.Timestamp = "msg_1.1614265330", "1614265330"
	if err := webhook.Verify(d, []byte(`{"a":1}`), publishedAt, k); fault.Reason(err) != "signature_malformed" {
		t.Errorf("err = %v", err)
	}
}

func TestKeys(t *testing.T) {
	encode := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for name, text := range map[string]string{
		"nothing": "", "another prefix": "whsk_" + encode(32), "too short": "whsec_" + encode(23),
		"too long": "whsec_" + encode(65), "not base64": "whsec_" + strings.Repeat("*", 32), "base64url": "whsec_" + strings.Repeat("-_", 16),
		"a line break": "whsec_" + encode(24)[:8] + "\n" + encode(24)[8:], "space around": " whsec_" + encode(32), "no padding": "whsec_" + strings.TrimRight(encode(25), "="),
	} {
		_, err := webhook.ParseKey(secret.New(text))
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: err = %v", name, err)
		}
		if text != "" && err != nil && strings.Contains(err.Error(), text) {
			t.Errorf("%s: the error repeats the secret", name)
		}
	}
	for _, n := range []int{24, 32, 64} {
		key(t, "whsec_"+encode(n))
		key(t, encode(n))
	}
	if text := fmt.Sprintf("%+v %#v", key(t, published), key(t, published)); strings.Contains(text, "MfKQ") || strings.Contains(text, "1\\xf2") {
		t.Errorf("a key prints itself: %s", text)
	}
}

// Whatever the headers are, what verifies was signed with the key, and no
// single change of what verifies verifies.
func FuzzVerify(f *testing.F) {
	f.Add(publishedDelivery.ID, publishedDelivery.Timestamp, publishedDelivery.Signature, []byte(publishedBody))
	f.Add("", "", "", []byte(nil))
	f.Add("a.b", "1.2", "v1, v1,", []byte("."))
	f.Fuzz(func(t *testing.T, id, timestamp, signature string, body []byte) {
		k := key(t, published)
		d := webhook.Delivery{ID: id, Timestamp: timestamp, Signature: signature}
		if err := webhook.Verify(d, body, publishedAt, k); err == nil {
			again := webhook.Sign(id, publishedAt, body, k)
			again.Timestamp = timestamp
			if !strings.Contains(signature, again.Signature) && timestamp == publishedDelivery.Timestamp {
				t.Errorf("accepted %+v, which nobody signed", d)
			}
		}
		own := webhook.Sign(id, publishedAt, body, k)
		err := webhook.Verify(own, body, publishedAt, k)
		if err == nil && webhook.Verify(own, append(body[:len(body):len(body)], 'x'), publishedAt, k) == nil {
			t.Errorf("a longer body verifies too: %+v", own)
		}
		if err != nil && fault.Reason(err) == "signature_mismatch" {
			t.Errorf("refused its own signature: %v", err)
		}
	})
}
