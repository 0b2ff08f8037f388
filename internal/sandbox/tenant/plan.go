package tenant

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Plan is what a subscription allows: rates, entities, features. The numbers
// are those of Auth0's docs pages "Rate Limit Configurations" and "Entity
// Limit Policy".
type Plan struct {
	Name string
	// API is the bucket of the Management API.
	API Bucket
	// List is the bucket that GET /clients has of its own, instead of API. The
	// zero Bucket means that it has none.
	List Bucket
	// Search is a second bucket for GET /clients with q, beside the first.
	Search Bucket
	// Token is the bucket of the Authentication API.
	Token Bucket
	// Entities is how many clients there may be.
	Entities int
	// PrivateKeyJWT and PS256 are features of Enterprise plans.
	PrivateKeyJWT, PS256 bool
}

// A Bucket holds Burst tokens and gets Refill more every Per.
type Bucket struct {
	Burst  int
	Refill int
	Per    time.Duration
}

const plenty = 1_000_000

func perSecond(burst, refill int) Bucket { return Bucket{burst, refill, time.Second} }
func perMinute(burst, refill int) Bucket { return Bucket{burst, refill, time.Minute} }

var plans = map[string]Plan{
	"free":               {API: perSecond(2, 2), Token: perSecond(30, 30), Entities: 10},
	"essentials":         {API: perMinute(10, 150), List: perMinute(5, 100), Search: perMinute(5, 150), Token: perSecond(25, 25), Entities: 100},
	"professional":       {API: perMinute(10, 150), List: perMinute(5, 100), Search: perMinute(5, 150), Token: perSecond(25, 25), Entities: 100},
	"enterprise":         enterprise(perSecond(50, 16), perSecond(100, 100), 5),
	"enterprise-nonprod": enterprise(perSecond(10, 2), perSecond(100, 100), 5),
	"private-20":         enterprise(perSecond(20, 20), perSecond(20, 20), 5),
	"private-100":        enterprise(perSecond(50, 50), perSecond(100, 100), 5),
	"private-500":        enterprise(perSecond(250, 250), perSecond(500, 500), 25),
	"private-1500":       enterprise(perSecond(750, 750), perSecond(1500, 1500), 75),
	"unlimited":          enterprise(perSecond(plenty, plenty), perSecond(plenty, plenty), plenty),
}

func init() {
	for name, p := range plans {
		p.Name = name
		plans[name] = p
	}
}

func enterprise(api, token Bucket, search int) Plan {
	return Plan{
		API: api, Token: token, Search: perMinute(search, 30*search),
		Entities: 100_000, PrivateKeyJWT: true, PS256: true,
	}
}

// PlanNamed is the preset of that name: free, essentials, professional,
// enterprise, enterprise-nonprod, private-20, private-100, private-500,
// private-1500 or unlimited.
func PlanNamed(name string) (Plan, error) {
	p, ok := plans[name]
	if !ok {
		return Plan{}, fmt.Errorf("tenant: no plan %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(plans)), ", "))
	}
	return p, nil
}
