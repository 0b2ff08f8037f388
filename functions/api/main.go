// Command api is the Lambda function behind the HTTP API: machine clients,
// credentials, rotations and registrations. handler.API says what it does,
// config.API what its environment means.
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
	log := telemetry.Logger(os.Stdout, "api", app.Version, os.Getenv("AWS_LAMBDA_LOG_LEVEL"))
	h, err := build(context.Background(), log)
	if err != nil {
		log.Error("cannot start", "err", err)
		os.Exit(1)
	}
	lambda.Start(h.Handle)
}

func build(ctx context.Context, log *slog.Logger) (*handler.API, error) {
	c, err := config.LoadAPI(os.Getenv)
	if err != nil {
		return nil, err
	}
	return app.API(ctx, c, log, telemetry.NewMetrics(os.Stdout, cmp.Or(os.Getenv("AWS_LAMBDA_FUNCTION_NAME"), "api")))
}
