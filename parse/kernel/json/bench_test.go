package json

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
	"github.com/valyala/fastjson"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
)

// cloudTrail writes lines like those of AWS CloudTrail: about 1,750 bytes, 63 keys,
// their order as AWS writes it, values drawn from wide pools.
func cloudTrail(n int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	from := func(alphabet string, n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(b)
	}
	hex := func(n int) string { return from("0123456789abcdef", n) }
	alnum := func(n int) string { return from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", n) }
	word := func() string { return from("etaoinshrdlucmfwypvbgk", 3+r.IntN(9)) }
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	ip := func() string {
		return fmt.Sprintf("%d.%d.%d.%d", 1+r.IntN(223), r.IntN(256), r.IntN(256), 1+r.IntN(254))
	}
	uuid := func() string {
		h := hex(32)
		return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
	}
	agent := func() string {
		return pick(fmt.Sprintf("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.%d.%d Safari/537.36", 100+r.IntN(45), 4000+r.IntN(3000), r.IntN(250)),
			fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%d.0", 90+r.IntN(60), 90+r.IntN(60)),
			fmt.Sprintf("curl/7.%d.%d", 60+r.IntN(30), r.IntN(4)), fmt.Sprintf("python-requests/2.%d.%d", 20+r.IntN(15), r.IntN(4)))
	}
	var out [][]byte
	for range n {
		account, user := fmt.Sprintf("%012d", r.Int64N(1e12)), word()+"."+word()
		when := fmt.Sprintf("2026-03-%02dT%02d:%02d:%02dZ", 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60))
		event := pick("DescribeInstances", "GetBucketAcl", "CreateUser", "AssumeRole", "Decrypt", "ConsoleLogin", "UpdateFunctionCode20150331v2")
		region, role := pick("us-east-1", "us-west-2", "eu-west-1", "eu-central-1"), "AROA"+alnum(17)
		b := fmt.Appendf(nil, `{"eventVersion":"1.09","userIdentity":{"type":"%s","principalId":"%s:%s","arn":"arn:aws:sts::%s:assumed-role/%s/%s","accountId":"%s","accessKeyId":"%s","userName":"%s","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"%s","arn":"arn:aws:iam::%s:role/%s","accountId":"%s","userName":"%s"},"attributes":{"creationDate":"%s","mfaAuthenticated":"%s"}}},`,
			pick("AssumedRole", "IAMUser", "Root"), role, user, account, word(), user, account, "ASIA"+alnum(16), user, role, account, word(), account, word(), when, pick("true", "false"))
		b = fmt.Appendf(b, `"eventTime":"%s","eventSource":"%s.amazonaws.com","eventName":"%s","awsRegion":"%s","sourceIPAddress":"%s","userAgent":"%s",`, when, pick("ec2", "s3", "iam", "kms"), event, region, ip(), agent())
		if r.IntN(5) == 0 {
			b = fmt.Appendf(b, `"errorCode":"%s","errorMessage":"User: arn:aws:sts::%s:assumed-role/%s is not authorized to perform: \"%s\" on resource: %s",`, pick("AccessDenied", "ThrottlingException"), account, user, event, word())
		}
		b = fmt.Appendf(b, `"requestParameters":{"bucketName":"%s-%s","Host":"%s.s3.amazonaws.com","filterSet":{"items":[{"name":"tag:%s","valueSet":{"items":[{"value":"%s"},{"value":"%s"}]}}]},"maxResults":%d},"responseElements":null,`, word(), word(), word(), word(), word(), word(), r.IntN(1000))
		b = fmt.Appendf(b, `"additionalEventData":{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":%d,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"%s=","bytesTransferredOut":%d},`, r.IntN(9999), hex(60), r.IntN(99999))
		b = fmt.Appendf(b, `"requestID":"%s","eventID":"%s","readOnly":%v,"resources":[{"accountId":"%s","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::%s-%s"}],"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"%s","eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"%s.%s.amazonaws.com"}}`,
			uuid(), uuid(), r.IntN(2) == 0, account, word(), word(), account, pick("ec2", "s3", "iam"), region)
		out = append(out, b)
	}
	return out
}

// cloudTrailPaths are the 25 places that a mapping to ECS takes.
var cloudTrailPaths = strings.Fields(`userIdentity.type userIdentity.principalId userIdentity.arn userIdentity.accountId
	userIdentity.accessKeyId userIdentity.userName userIdentity.sessionContext.sessionIssuer.arn
	userIdentity.sessionContext.attributes.creationDate userIdentity.sessionContext.attributes.mfaAuthenticated
	eventTime eventSource eventName awsRegion sourceIPAddress userAgent errorCode errorMessage requestID eventID readOnly
	eventType managementEvent recipientAccountId tlsDetails.tlsVersion tlsDetails.cipherSuite`)

func pathTree(tb testing.TB, paths []string) *Tree {
	var ps []Path
	for i, p := range paths {
		ps = append(ps, Path{p, i})
	}
	tree, err := New(ps)
	if err != nil {
		tb.Fatal(err)
	}
	return tree
}

// benchLines is 2.8 MB, more than a core's own cache. PENSTOCK_JSON_LINES names a file
// of lines to use instead.
func benchLines(b *testing.B) (lines [][]byte, size int64) {
	if name := os.Getenv("PENSTOCK_JSON_LINES"); name != "" {
		data, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		lines = bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	} else {
		lines = cloudTrail(1600)
	}
	for _, l := range lines {
		size += int64(len(l))
	}
	return lines, size
}

// BenchmarkRead is the same work in several ways: 25 values out of each line.
//
//	go test -bench Read -cpu 1 ./parse/kernel/json
func BenchmarkRead(b *testing.B) {
	lines, size := benchLines(b)
	run := func(name string, line func([]byte) error) {
		b.Run(name, func(b *testing.B) {
			for _, l := range lines { // learn, grow
				if err := line(l); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				for _, l := range lines {
					if err := line(l); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(lines)), "ns/line")
		})
	}
	tree := pathTree(b, cloudTrailPaths)
	for _, keep := range []bool{false, true} {
		var (
			r    = tree.Reader()
			f    = parse.Frame{KeepRest: keep}
			text arena.Bytes
		)
		run(map[bool]string{false: "penstock", true: "penstock-rest"}[keep], func(l []byte) error {
			text.Reset()
			f.Reset(tree.Slots(), &text)
			return r.Read(l, &f)
		})
	}
	keys := make([][]string, len(cloudTrailPaths))
	for i, p := range cloudTrailPaths {
		keys[i] = strings.Split(p, ".")
	}
	var (
		parser fastjson.Parser
		values [32]*fastjson.Value
		sink   int
	)
	run("fastjson", func(l []byte) error {
		v, err := parser.ParseBytes(l)
		for i, k := range keys {
			values[i] = v.Get(k...)
			if values[i] != nil && values[i].Type() == fastjson.TypeString {
				sink += len(values[i].GetStringBytes())
			}
		}
		return err
	})
	run("fastjson-strict", func(l []byte) error {
		if err := fastjson.ValidateBytes(l); err != nil {
			return err
		}
		v, err := parser.ParseBytes(l)
		for i, k := range keys {
			values[i] = v.Get(k...)
			if values[i] != nil && values[i].Type() == fastjson.TypeString {
				sink += len(values[i].GetStringBytes())
			}
		}
		return err
	})
	run("fastjson-parse-only", func(l []byte) error {
		_, err := parser.ParseBytes(l)
		return err
	})
	run("gjson", func(l []byte) error {
		if !gjson.ValidBytes(l) {
			return newError(errValue, 0)
		}
		for _, p := range cloudTrailPaths {
			sink += len(gjson.GetBytes(l, p).Str)
		}
		return nil
	})
	run("encoding-json-any", func(l []byte) error {
		var v any
		return stdjson.Unmarshal(l, &v)
	})
}

// BenchmarkValid is validation alone.
func BenchmarkValid(b *testing.B) {
	lines, size := benchLines(b)
	for _, v := range []struct {
		name  string
		valid func([]byte) bool
	}{
		{"penstock", func(l []byte) bool { return Valid(l) == nil }},
		{"fastjson", func(l []byte) bool { return fastjson.ValidateBytes(l) == nil }},
		{"gjson", gjson.ValidBytes},
		{"encoding-json", stdjson.Valid},
	} {
		b.Run(v.name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				for _, l := range lines {
					if !v.valid(l) {
						b.Fatal("refused")
					}
				}
			}
		})
	}
}

// BenchmarkSplit is a file of CloudTrail as S3 holds it, and a message that is one line.
func BenchmarkSplit(b *testing.B) {
	lines, _ := benchLines(b)
	wrapped := append([]byte(`{"Records":[`), bytes.Join(lines, []byte(","))...)
	wrapped = append(wrapped, "]}"...)
	for _, c := range []struct {
		name string
		data []byte
		o    SplitOptions
		want int
	}{
		{"wrapper", wrapped, SplitOptions{}, len(lines)},
		{"lines", bytes.Join(lines, []byte("\n")), SplitOptions{}, len(lines)},
		{"framed-line", lines[0], SplitOptions{Framed: true}, 1},
	} {
		b.Run(c.name, func(b *testing.B) {
			var items []Item
			b.SetBytes(int64(len(c.data)))
			b.ReportAllocs()
			for b.Loop() {
				if items = AppendItems(items[:0], c.data, &c.o); len(items) != c.want {
					b.Fatal(len(items))
				}
			}
		})
	}
}
