package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"clientkeeper/internal/app"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/secretstore"
	"clientkeeper/internal/webhook"
)

const aboutSignWebhook = `Signs the bytes of a file, or of standard input, as Standard Webhooks says, and
prints the three headers for curl to take:

  clientkeeper sign-webhook body.json |
    curl -H @- -H 'content-type: application/json' --data-binary @body.json $WEBHOOK_URL

The signing secret is read from Secrets Manager, by the name in
WEBHOOK_SECRET_ARN, or from a file. It is good for five minutes.`

// maxWebhook is what API Gateway takes, in bytes.
const maxWebhook = 10 << 20

type signFlags struct {
	secretFile, secretID, id, headers string
	at                                time.Duration
	curl                              bool
}

func runSignWebhook(ctx context.Context, inv *invocation) error {
	var s signFlags
	f, err := inv.flags("sign-webhook", "[flags] [file]", aboutSignWebhook, func(f *flag.FlagSet) {
		f.StringVar(&s.secretFile, "secret-file", "", "a `file` with the signing secret, whsec_...; instead of Secrets Manager")
		f.StringVar(&s.secretID, "secret", inv.getenv("WEBHOOK_SECRET_ARN"), "the `name or ARN` of the signing secret in Secrets Manager")
		f.StringVar(&s.id, "id", "", "the message's `id`; made up if empty. Repeat it to send the same message again")
		f.DurationVar(&s.at, "age", 0, "sign as if it were this long ago, such as 10m")
		f.StringVar(&s.headers, "headers", "", "write the headers to a `file`, for curl -H @file, and print nothing")
		f.BoolVar(&s.curl, "curl", false, "print them as arguments of curl, for a shell to eval")
	})
	var files []string
	if err == nil {
		files, err = inv.arguments(f, 0, 1)
	}
	if err != nil {
		return helped(err)
	}
	body, err := readBody(inv.in, files)
	if err != nil {
		return err
	}
	key, err := s.key(ctx)
	if err != nil {
		return err
	}
	if s.id == "" {
		s.id = "msg_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	}
	d := webhook.Sign(s.id, time.Now().Add(-s.at), body, key)
	if err := webhook.Verify(d, body, time.Now().Add(-s.at), key); err != nil {
		return fmt.Errorf("no receiver would take it: %w", err)
	}
	return s.print(inv.out, d)
}

// readBody reads exactly what will be sent: every byte is signed.
func readBody(in io.Reader, files []string) ([]byte, error) {
	if len(files) == 1 && files[0] != "-" {
		file, err := os.Open(files[0])
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	body, err := io.ReadAll(io.LimitReader(in, maxWebhook+1))
	if err == nil && len(body) > maxWebhook {
		err = fmt.Errorf("the body has more than %d bytes, which is what API Gateway takes", maxWebhook)
	}
	return body, err
}

// key is never taken from the command line, where everybody on the machine
// could read it.
func (s *signFlags) key(ctx context.Context) (webhook.Key, error) {
	switch {
	case s.secretFile != "":
		text, err := os.ReadFile(s.secretFile)
		if err != nil {
			return webhook.Key{}, err
		}
		return webhook.ParseKey(secret.New(strings.TrimSpace(string(text))))
	case s.secretID == "":
		return webhook.Key{}, errors.New("there is no signing secret: name a file with -secret-file, or set WEBHOOK_SECRET_ARN; . .sandbox/env sets it for the sandbox")
	}
	cfg, err := app.AWS(ctx)
	if err != nil {
		return webhook.Key{}, err
	}
	v, err := secretstore.New(cfg).Get(ctx, s.secretID)
	if err != nil {
		return webhook.Key{}, err
	}
	return app.SigningKey(v.Value)
}

func (s *signFlags) print(out io.Writer, d webhook.Delivery) error {
	var b strings.Builder
	for _, h := range [][2]string{{webhook.HeaderID, d.ID}, {webhook.HeaderTimestamp, d.Timestamp}, {webhook.HeaderSignature, d.Signature}} {
		if s.curl {
			fmt.Fprintf(&b, "-H '%s: %s' ", h[0], strings.ReplaceAll(h[1], "'", `'\''`))
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n", h[0], h[1])
	}
	text := strings.TrimRight(b.String(), " \n") + "\n"
	if s.headers != "" {
		return os.WriteFile(s.headers, []byte(text), 0o600)
	}
	_, err := io.WriteString(out, text)
	return err
}
