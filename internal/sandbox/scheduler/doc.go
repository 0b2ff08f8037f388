// Package scheduler is Amazon EventBridge Scheduler on one machine, with a
// clock that can be moved.
//
// A schedule says when (at, rate or cron with six fields, in a time zone) and
// what (a target's ARN and the input it gets). [Service] keeps the schedules,
// invokes each target in the background through a function that it is given,
// tries again when the delivery fails, and hands what could never be delivered
// to a dead-letter function. What the target makes of its invocation is not its
// business: Lambda is invoked asynchronously, so that a function's own failure
// is no failure here.
//
// Time is [Options.Now]. Whoever moves it calls [Service.Wake]. [Service] is
// also an [http.Handler] that speaks the REST API of the real service, as far
// as the AWS CLI and CloudFormation's properties need it.
//
// The package knows nothing of functions, queues and templates.
//
// # Sources
//
// The pages "Schedule types in EventBridge Scheduler", "Adding context
// attributes", "Configuring a schedule's dead-letter queue" and the API
// reference. An event without input is the one that Lambda really gets: its
// detail is the string "{}", not an object.
//
// # Divergences
//
//   - Schedules fire in the second they are due, not within the minute.
//   - When the clock jumps over several occurrences the schedule fires once, for
//     the first of them, and goes on from the new time. A clock that is set back
//     repeats nothing.
//   - Each occurrence is delivered once, unless the target fails. The real
//     service delivers at least once.
//   - The back-off between deliveries doubles from one second to one minute;
//     AWS says only that it is exponential. Errors that package fault calls
//     permanent are not retried.
//   - A schedule at() a time that has passed never fires.
//   - There is one group, "default". Tags, keys of KMS, target types with
//     parameters of their own and requests for them are refused.
//   - RoleArn is required and not used. Nothing is signed or throttled.
//   - Ranges that wrap (FRI-MON) and steps of zero are refused, as are LW and
//     L-3, which the documentation does not name.
package scheduler
