package secretsmanager_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/uuid"
)

var listing = []contract{
	{"S58 a random password has 32 characters of every kind", func(t *testing.T, s *service) {
		for range 20 {
			got := s.password(t, &sdk.GetRandomPasswordInput{})
			if len(got) != 32 || !hasKinds(got, true, true, true, true) {
				t.Errorf("password of %d characters without some kind, or of another length", len(got))
			}
		}
	}},
	{"S59 a random password keeps to its exclusions and length", func(t *testing.T, s *service) {
		for range 20 {
			got := s.password(t, &sdk.GetRandomPasswordInput{PasswordLength: aws.Int64(3), ExcludePunctuation: aws.Bool(true),
				ExcludeCharacters: aws.String("abcABC123")})
			if len(got) != 3 || !hasKinds(got, true, true, true, false) || strings.ContainsAny(got, "abcABC123") {
				t.Errorf("%d characters, some of them excluded or some kind missing", len(got))
			}
		}
		if got := s.password(t, &sdk.GetRandomPasswordInput{PasswordLength: aws.Int64(4096)}); len(got) != 4096 {
			t.Errorf("%d characters, want 4096", len(got))
		}
		s.fails(t, "GetRandomPassword", object{"PasswordLength": 3}, "InvalidParameterException")
		s.fails(t, "GetRandomPassword", object{"PasswordLength": 4097}, "InvalidParameterException")
		s.works(t, "GetRandomPassword", object{"PasswordLength": 3, "RequireEachIncludedType": false})
	}},
	{"secrets are found by filters", func(t *testing.T, s *service) {
		mark := "f" + strings.ReplaceAll(uuid.NewString(), "-", "")
		s.seed(t, mark+"/red", "Warm colour", "temperature", "Hot")
		s.seed(t, mark+"/blue", "cold colour", "season", "Winter")
		s.seed(t, mark+"/grey", "", "season", "Autumn")
		for filters, want := range map[string]string{
			"name=" + mark + "/r":                "red",
			"name=" + strings.ToUpper(mark):      "",
			"name=" + mark + "/r|" + mark + "/b": "blue red",
			"description=warm":                   "red",
			"description=COLD":                   "blue",
			"tag-key=temp":                       "red",
			"tag-key=Temp":                       "",
			"tag-value=Win|Aut":                  "blue grey",
			"tag-key=season;tag-value=Win":       "blue",
			"tag-value=!Win":                     "grey red",
			"name=!" + mark + "/red":             "blue grey",
			"all=COLOUR":                         "blue red",
			"all=winter":                         "blue",
			"primary-region=eu-":                 "blue grey red",
			"owning-service=appflow":             "",
		} {
			got, err := s.names(t, mark, filters+";name="+mark, "asc")
			if err != nil {
				t.Errorf("%s: %v", filters, err)
			} else if slices.Sort(got); strings.Join(got, " ") != want {
				t.Errorf("%s found %v, want %s", filters, got, want)
			}
		}
		s.fails(t, "ListSecrets", object{"Filters": []object{{"Key": "colour", "Values": []string{"x"}}}}, "ValidationException")
	}},
	{"lists come in pages and either order", func(t *testing.T, s *service) {
		mark := "p" + strings.ReplaceAll(uuid.NewString(), "-", "")
		var want []string
		for i := range 7 {
			s.seed(t, fmt.Sprintf("%s/%d", mark, i), "", "k", "v")
			want = append(want, fmt.Sprint(i))
		}
		for order, want := range map[types.SortOrderType][]string{"asc": want, "desc": reversed(want)} {
			got, err := s.names(t, mark, "name="+mark, order)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %v, %v, want %v", order, got, err, want)
			}
		}
		s.fails(t, "ListSecrets", object{"NextToken": "nonsense"}, "InvalidNextTokenException")
	}},
	{"what is scheduled for deletion is listed on request", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		s.works(t, "DeleteSecret", object{"SecretId": name})
		body := object{"Filters": []object{{"Key": "name", "Values": []string{name}}}}
		if out := s.raw(t, "ListSecrets", body); strings.Contains(out.body, name) {
			t.Error("listed without being asked for")
		}
		body["IncludePlannedDeletion"] = true
		if out := s.raw(t, "ListSecrets", body); !strings.Contains(out.body, name) || !strings.Contains(out.body, "DeletedDate") {
			t.Errorf("answered %s, want the secret and its DeletedDate", out.body)
		}
	}},
	{"versions come in pages, with the default key", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		want := []string{v1}
		for i := range 4 {
			want = append(want, s.put(t, name, fmt.Sprint(i), fmt.Sprint("STAGE", i)))
		}
		pages := sdk.NewListSecretVersionIdsPaginator(s.sdk(), &sdk.ListSecretVersionIdsInput{SecretId: &name, MaxResults: aws.Int32(2)})
		var got []string
		for n := 0; pages.HasMorePages() && n < 10; n++ {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range page.Versions {
				got = append(got, aws.ToString(v.VersionId))
				if !slices.Equal(v.KmsKeyIds, []string{"DefaultEncryptionKey"}) {
					t.Errorf("keys %v, want DefaultEncryptionKey", v.KmsKeyIds)
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("versions %v, want %v", got, want)
		}
	}},
	{"tags are added, replaced and removed", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		s.works(t, "TagResource", object{"SecretId": name, "Tags": []object{{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}}})
		s.works(t, "TagResource", object{"SecretId": name, "Tags": []object{{"Key": "a", "Value": "3"}}})
		s.works(t, "UntagResource", object{"SecretId": name, "TagKeys": []string{"b", "never"}})
		got := fmt.Sprint(s.works(t, "DescribeSecret", object{"SecretId": name})["Tags"])
		if got != "[map[Key:a Value:3]]" {
			t.Errorf("tags %s, want a=3 alone", got)
		}
	}},
	{"resource policies are kept and checked for their form", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		const open = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"secretsmanager:*","Resource":"*"}]}`
		s.fails(t, "PutResourcePolicy", object{"SecretId": name, "ResourcePolicy": "{"}, "MalformedPolicyDocumentException")
		s.fails(t, "PutResourcePolicy", object{"SecretId": name, "ResourcePolicy": open, "BlockPublicPolicy": true}, "PublicPolicyException")
		s.works(t, "PutResourcePolicy", object{"SecretId": name, "ResourcePolicy": open})
		if got := s.works(t, "GetResourcePolicy", object{"SecretId": name})["ResourcePolicy"]; got != open {
			t.Errorf("policy %v, want the one that was put", got)
		}
		s.works(t, "DeleteResourcePolicy", object{"SecretId": name})
		if got, ok := s.works(t, "GetResourcePolicy", object{"SecretId": name})["ResourcePolicy"]; ok {
			t.Errorf("policy %v after its deletion", got)
		}
		if got := s.works(t, "ValidateResourcePolicy", object{"ResourcePolicy": open})["PolicyValidationPassed"]; got != false {
			t.Errorf("a public policy passed: %v", got)
		}
	}},
}

func (s *service) seed(t *testing.T, name, description, key, value string) {
	t.Helper()
	s.works(t, "CreateSecret", object{"Name": name, "ClientRequestToken": token(), "SecretString": "x",
		"Description": description, "Tags": []object{{"Key": key, "Value": value}}})
}

// names lists in pages of two what filters such as "name=a|b;tag-key=c" find,
// without the part that all names have in common.
func (s *service) names(t *testing.T, mark, filters string, order types.SortOrderType) ([]string, error) {
	in := &sdk.ListSecretsInput{MaxResults: aws.Int32(2), SortOrder: order}
	for f := range strings.SplitSeq(filters, ";") {
		key, values, _ := strings.Cut(f, "=")
		in.Filters = append(in.Filters, types.Filter{Key: types.FilterNameStringType(key), Values: strings.Split(values, "|")})
	}
	var out []string
	pages := sdk.NewListSecretsPaginator(s.sdk(), in)
	for n := 0; pages.HasMorePages() && n < 20; n++ {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			return nil, err
		}
		for _, e := range page.SecretList {
			out = append(out, strings.TrimPrefix(aws.ToString(e.Name), mark+"/"))
		}
	}
	return out, nil
}

func (s *service) password(t *testing.T, in *sdk.GetRandomPasswordInput) string {
	t.Helper()
	out, err := s.sdk().GetRandomPassword(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.RandomPassword)
}

// hasKinds reports whether each kind of character is there, or is not.
func hasKinds(s string, lower, upper, digit, other bool) bool {
	has := func(from, to rune) bool {
		return strings.ContainsFunc(s, func(r rune) bool { return r >= from && r <= to })
	}
	return has('a', 'z') == lower && has('A', 'Z') == upper && has('0', '9') == digit &&
		(has('!', '/') || has(':', '@') || has('[', '`') || has('{', '~')) == other
}

func reversed(s []string) []string {
	out := slices.Clone(s)
	slices.Reverse(out)
	return out
}
