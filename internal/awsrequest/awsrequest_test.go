package awsrequest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"clientkeeper/internal/awsrequest"
)

// late is by how much the answer overtakes the end of the request.
const late = 500 * time.Millisecond

// slowLine is a connection whose writer is put off by the scheduler after each
// write, which is when the answer overtakes it.
type slowLine struct{ net.Conn }

func (l slowLine) Write(b []byte) (int, error) {
	n, err := l.Conn.Write(b)
	time.Sleep(late)
	return n, err
}

// ask gets a secret from a server that first refuses some times and then answers
// in two halves, and returns how often it was asked.
func ask(t *testing.T, refusals int64, cfg aws.Config) (int64, error) {
	t.Helper()
	var asked atomic.Int64
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
		case <-time.After(2 * late):
		case <-r.Context().Done(): // the client hung up
		}
		_, _ = io.WriteString(w, strings.Repeat("b", 8<<10)+`"}`)
	}))
	t.Cleanup(server.Close)
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return slowLine{conn}, err
	}}
	t.Cleanup(transport.CloseIdleConnections)
	cfg.Region, cfg.BaseEndpoint, cfg.HTTPClient = "us-east-1", &server.URL, &http.Client{Transport: transport}
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
