// Command check-deployment is the Lambda function behind a custom resource of
// CloudFormation, which fails a deployment whose tenant is not ready for it.
// config.CheckDeployment says what its environment means.
package main

import (
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
	log := telemetry.Logger(os.Stdout, "check-deployment", app.Version, os.Getenv("AWS_LAMBDA_LOG_LEVEL"))
	h, err := build(context.Background(), log)
	if err != nil {
		// It starts all the same: CloudFormation waits to be told.
		h = &handler.CheckDeployment{Broken: err, Log: log}
	}
	lambda.Start(h.Handle)
}

func build(ctx context.Context, log *slog.Logger) (*handler.CheckDeployment, error) {
	c, err := config.LoadCheckDeployment(os.Getenv)
	if err != nil {
		return nil, err
	}
	return app.CheckDeployment(ctx, c, log)
}
