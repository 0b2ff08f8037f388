// Package awsrequest mends a request of the AWS SDK that can cost its own
// answer.
//
// The SDK (smithy-go 1.28) closes the body of a request as soon as the head of
// the answer is there. Its body then answers a late WriteTo with io.EOF, which
// io.Copy takes for a failure. net/http asks exactly that of it: once all bytes
// are sent it copies the body once more, to see that nothing is left. A server
// that answers before this copy makes the copy fail, net/http closes the
// connection, and whoever reads the rest of the answer gets "use of closed
// network connection". The SDK sends the request again; but messages of a
// ReceiveMessage, say, are then hidden for a visibility timeout.
package awsrequest

import (
	"context"
	"io"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Config returns cfg with [KeepAnswer] for all clients that are made from it.
func Config(cfg aws.Config) aws.Config {
	cfg.APIOptions = append(slices.Clip(cfg.APIOptions), KeepAnswer)
	return cfg
}

// KeepAnswer is an API option of the SDK. It hides the body's WriteTo, so that
// the copy reads instead, and a Read of a closed body is an end like any other.
// Given twice it is the same as once.
func KeepAnswer(stack *middleware.Stack) error {
	const id = "KeepAnswer"
	if _, there := stack.Build.Get(id); there {
		return nil
	}
	return stack.Build.Add(middleware.BuildMiddlewareFunc(id, readBody), middleware.Before)
}

func readBody(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
	r, ok := in.Request.(*smithyhttp.Request)
	if !ok {
		return next.HandleBuild(ctx, in)
	}
	body, ok := r.GetStream().(io.ReadSeeker) // a retry has to rewind it
	if !ok {
		return next.HandleBuild(ctx, in)
	}
	r, err := r.SetStream(struct{ io.ReadSeeker }{body})
	if err != nil {
		return middleware.BuildOutput{}, middleware.Metadata{}, err
	}
	in.Request = r
	return next.HandleBuild(ctx, in)
}
