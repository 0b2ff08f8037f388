// Command rotate-secret is the Lambda function that Secrets Manager calls for
// each step of a rotation. Package rotation says what it does,
// config.RotateSecret what its environment means.
package main

import (
	"cmp"
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"clientkeeper/internal/app"
	"clientkeeper/internal/config"
	"clientkeeper/internal/handler"
	"clientkeeper/internal/telemetry"
)

func main() {
	log := telemetry.Logger(os.Stdout, "rotate-secret", app.Version, os.Getenv("AWS_LAMBDA_LOG_LEVEL"))
	h, err := build(context.Background(), log)
	if err != nil {
		log.Error("cannot start", "err", err)
		os.Exit(1)
	}
	lambda.Start(h.Handle)
}

func build(ctx context.Context, log *slog.Logger) (*handler.RotateSecret, error) {
	c, err := config.LoadRotateSecret(os.Getenv)
	if err != nil {
		return nil, err
	}
	return app.RotateSecret(ctx, c, log, telemetry.NewMetrics(os.Stdout, cmp.Or(os.Getenv("AWS_LAMBDA_FUNCTION_NAME"), "rotate-secret")))
}
