package apigateway

import (
	"net/http"
	"regexp"
)

// iamContext is what the IAM authorizer tells the function.
type iamContext struct {
	IAM struct {
		AccessKey       string  `json:"accessKey"`
		AccountID       string  `json:"accountId"`
		CallerID        string  `json:"callerId"`
		CognitoIdentity *string `json:"cognitoIdentity"`
		PrincipalOrgID  *string `json:"principalOrgId"`
		UserARN         string  `json:"userArn"`
		UserID          string  `json:"userId"`
	} `json:"iam"`
}

// signed is a Signature Version 4 in the Authorization header; presigned is the
// credential of one in the query ("Elements of an AWS API request signature").
var (
	signed = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([A-Za-z0-9_]{3,128})/[0-9]{8}/[a-z0-9-]+/execute-api/aws4_request,\s*` +
		`SignedHeaders=[a-z0-9;-]*\bhost\b[a-z0-9;-]*,\s*Signature=[0-9a-f]{64}$`)
	presigned = regexp.MustCompile(`^([A-Za-z0-9_]{3,128})/[0-9]{8}/[a-z0-9-]+/execute-api/aws4_request$`)
	signature = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// authorizeIAM takes a signature for granted that looks like one.
func (c *call) authorizeIAM() bool {
	key := accessKey(c.r)
	if key == "" {
		c.authorizerError = "not signed with Signature Version 4 for execute-api"
		c.refuse(http.StatusForbidden)
		return false
	}
	var told iamContext
	told.IAM.AccessKey, told.IAM.AccountID = key, c.api.options.AccountID
	told.IAM.CallerID, told.IAM.UserID = key, key
	told.IAM.UserARN = "arn:aws:iam::" + c.api.options.AccountID + ":user/" + key
	c.caller = caller{encode(told), told.IAM.UserARN}
	return true
}

func accessKey(r *http.Request) string {
	if m := signed.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
		return m[1]
	}
	q := query(r.URL.RawQuery)
	if m := presigned.FindStringSubmatch(q["X-Amz-Credential"]); m != nil &&
		q["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256" && signature.MatchString(q["X-Amz-Signature"]) {
		return m[1]
	}
	return ""
}
