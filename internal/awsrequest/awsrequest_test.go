package awsrequest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"clientkeeper/internal/awsrequest"
)

// slowLine is a connection whose writer comes back from sending a body only when
// somebody reads the answer's: the answer has overtaken it.
type slowLine struct {
	net.Conn
	read chan struct{}
}

func (l slowLine) Write(b []byte) (int, error) {
	n, err := l.Conn.Write(b)
	if !bytes.HasPrefix(b, []byte("POST ")) {
		<-l.read
	}
	return n, err
}

// line sends each request on a slowLine of its own, and tells of each that was
// sent whole.
type line struct{ wrote chan struct{} }

func (l line) RoundTrip(r *http.Request) (*http.Response, error) {
	read := make(chan struct{})
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return slowLine{conn, read}, err
	}}
	trace := &httptrace.ClientTrace{WroteRequest: func(i httptrace.WroteRequestInfo) {
		if i.Err == nil {
			l.wrote <- struct{}{}
		}
	}}
	res, err := transport.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if err == nil {
		res.Body = &firstRead{ReadCloser: res.Body, read: read}
	}
	return res, err
}

type firstRead struct {
	io.ReadCloser
	once sync.Once
	read chan struct{}
}

func (f *firstRead) Read(b []byte) (int, error) {
	f.once.Do(func() { close(f.read) })
	return f.ReadCloser.Read(b)
}

// ask gets a secret from a server that first refuses some times and then answers
// in two halves, and returns how often it was asked.
func ask(t *testing.T, refusals int64, cfg aws.Config) (int64, error) {
	t.Helper()
	var asked atomic.Int64
	wrote := make(chan struct{}, 9)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != `{"SecretId":"s"}` || r.ContentLength != int64(len(body)) {
			t.Errorf("request %q of %d bytes: %v", body, r.ContentLength, err)
		}
		if asked.Add(1) <= refusals {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, `{"SecretString":"`+strings.Repeat("a", 8<<10))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-wrote:
		case <-r.Context().Done(): // the client hung up
		}
		_, _ = io.WriteString(w, strings.Repeat("b", 8<<10)+`"}`)
	}))
	t.Cleanup(server.Close)
	cfg.Region, cfg.BaseEndpoint, cfg.HTTPClient = "us-east-1", &server.URL, &http.Client{Transport: line{wrote}}
	cfg.Credentials = credentials.NewStaticCredentialsProvider("test", "test", "")
	out, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: new("s")})
	if err == nil && len(*out.SecretString) != 16<<10 {
		t.Errorf("the answer has %d bytes", len(*out.SecretString))
	}
	return asked.Load(), err
}

func TestAnAnswerThatOvertakesItsRequestIsKept(t *testing.T) {
	if n, err := ask(t, 0, awsrequest.Config(awsrequest.Config(aws.Config{}))); n != 1 || err != nil {
		t.Errorf("asked %d times: %v", n, err)
	}
}

// When this fails, the SDK has been mended, and this package can go.
func TestTheSDKAloneLosesIt(t *testing.T) {
	if _, err := ask(t, 0, aws.Config{RetryMaxAttempts: 1}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want an answer cut off", err)
	}
}

// A body that cannot be rewound would not be sent again.
func TestARefusedRequestIsRepeated(t *testing.T) {
	if n, err := ask(t, 1, awsrequest.Config(aws.Config{})); n != 2 || err != nil {
		t.Errorf("asked %d times, want 2: %v", n, err)
	}
}
