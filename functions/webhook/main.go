// Command webhook is the Lambda function that takes signed requests for
// registrations. handler.Webhook says what it does, config.Webhook what its
// environment means.
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
	log := telemetry.Logger(os.Stdout, "webhook", app.Version, os.Getenv("AWS_LAMBDA_LOG_LEVEL"))
	h, err := build(context.Background(), log)
	if err != nil {
		log.Error("cannot start", "err", err)
		os.Exit(1)
	}
	lambda.Start(h.Handle)
}

func build(ctx context.Context, log *slog.Logger) (*handler.Webhook, error) {
	c, err := config.LoadWebhook(os.Getenv)
	if err != nil {
		return nil, err
	}
	return app.Webhook(ctx, c, log, telemetry.NewMetrics(os.Stdout, cmp.Or(os.Getenv("AWS_LAMBDA_FUNCTION_NAME"), "webhook")))
}
