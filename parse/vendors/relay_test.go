package vendors_test

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/parsetest"
)

// What a relay forwards with a header of its own in front is known, and read, as it is without. Where the
// device's header tells no host or no time, the relay's count, as in every header.
func TestRelays(t *testing.T) {
	alone(t)
	set := packs(t)
	auto, err := set.Auto(pack.Options{Now: func() time.Time { return parsetest.Now }})
	if err != nil {
		t.Fatal(err)
	}
	w := auto.Worker()
	read := func(raw string) map[string]string {
		var out parse.Events[parse.Record]
		if w.Parse(&parse.Message{Raw: []byte(raw)}, &out) != nil || out.Len() == 0 {
			return nil
		}
		r := out.At(0)
		fields := map[string]string{"": r.Pack}
		for i := range r.Slots() {
			if k, v, ok := r.At(i); ok {
				fields[r.Name(k)] = v.String()
			}
		}
		return fields
	}
	files, err := filepath.Glob("*/testdata/samples.log")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			line = strings.TrimRight(line, "\r\n")
			if len(line) < 4 || line[0] != '<' || line[1]-'0' > 9 {
				continue
			}
			tried++
			plain := read(line)
			for _, relay := range []string{"<134>Mar  2 09:15:04 hub ", "<134>1 2026-03-02T09:15:04Z hub - - - - "} {
				behind := read(relay + line)
				for field, want := range plain {
					if got := behind[field]; got != want && !fromHeader(field) {
						t.Errorf("%s%.120s: %s is %q, without the relay %q", relay, line, field, got, want)
					}
				}
			}
		}
	}
	if tried < 1000 {
		t.Errorf("only %d samples have a header", tried)
	}
}

// fromHeader reports whether a field may be what a header tells.
func fromHeader(field string) bool {
	switch field {
	case "@timestamp", "event.timezone", "observer.hostname", "related.hosts", "related.ip":
		return true
	}
	return strings.HasPrefix(field, "log.syslog.") || strings.HasPrefix(field, "host.")
}

// What shippers, runtimes and queues carry comes out as the event of the product that wrote
// it, with what the carrier tells.
func TestCarriers(t *testing.T) {
	const (
		sshd  = `Mar  2 09:15:04 node1 sshd[812]: Failed password for root from 203.0.113.9 port 51514 ssh2`
		asa   = `<164>Mar  2 2026 09:15:03 fw1 : %ASA-4-106023: Deny tcp src outside:203.0.113.77/41022 dst dmz:10.20.9.5/3389 by access-group "outside_in"`
		web   = `203.0.113.9 - - [02/Mar/2026:09:15:04 +0000] "GET /x HTTP/1.1" 200 612 "-" "curl/8.0"`
		flow  = `2 123456789012 eni-0a1b2c3d 203.0.113.9 10.0.0.5 51514 22 6 10 840 1772442900 1772442960 REJECT OK`
		audit = `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"x","stage":"ResponseComplete","requestURI":"/api/v1/pods","verb":"list","user":{"username":"amara"},"sourceIPs":["203.0.113.9"],"responseStatus":{"code":200},"requestReceivedTimestamp":"2026-03-02T09:15:04Z"}`
		login = `{"uuid":"u-1","published":"2026-03-02T09:15:04Z","eventType":"user.session.start","actor":{"id":"00u","type":"User","alternateId":"amara@example.com"},"client":{"ipAddress":"203.0.113.9"},"outcome":{"result":"SUCCESS"},"severity":"INFO"}`
		trail = `{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","userName":"amara"},"eventTime":"2026-03-02T09:15:04Z","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"eu-west-1","sourceIPAddress":"203.0.113.9","eventID":"e-1","eventType":"AwsConsoleSignIn"}`
	)
	quoted := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	base := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	zipped := func(s string) string {
		var b strings.Builder
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	set := packs(t)
	auto, err := set.Auto(pack.Options{Now: func() time.Time { return parsetest.Now }})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		in, pack string
		want     string // field=value, by spaces
		number   int    // of events; 0 is one
	}{
		"docker json-file":                {in: `{"log":` + quoted(web+"\n") + `,"stream":"stderr","time":"2026-03-02T09:15:05.1Z"}`, pack: "nginx.access", want: "source.ip=203.0.113.9 http.response.status_code=200"},
		"CRI":                             {in: `2026-03-02T09:15:05.123456789Z stdout F ` + web, pack: "nginx.access", want: "source.ip=203.0.113.9 orchestrator.type=kubernetes"},
		"CRI with JSON":                   {in: `2026-03-02T09:15:05.123456789Z stdout F {"level":"warn","msg":"slow","user":"amara"}`, pack: "generic.json", want: "@timestamp=2026-03-02T09:15:05.123456789Z log.level=warn user.name=amara"},
		"Fluent Bit":                      {in: `{"date":1772442904.5,"log":` + quoted(web) + `,"stream":"stdout","_p":"F","kubernetes":{"pod_name":"web-1","namespace_name":"shop","host":"node1","container_name":"web","docker_id":"4c01","container_image":"nginx:1.25"}}`, pack: "nginx.access", want: "host.name=node1 container.id=4c01 container.image.name=nginx orchestrator.namespace=shop orchestrator.resource.name=web-1"},
		"Fluentd":                         {in: `{"container_id":"4c01","container_name":"/web","source":"stdout","log":` + quoted(web) + `}`, pack: "nginx.access", want: "container.id=4c01 container.name=web source.ip=203.0.113.9"},
		"Filebeat":                        {in: `{"@timestamp":"2026-03-02T09:15:06.123Z","agent":{"type":"filebeat","name":"node1","id":"a1"},"host":{"name":"node1","id":"h1"},"log":{"file":{"path":"/var/log/auth.log"}},"message":` + quoted(sshd) + `,"ecs":{"version":"8.0.0"},"cloud":{"provider":"aws","instance":{"id":"i-1"}}}`, pack: "system.auth", want: "source.ip=203.0.113.9 user.name=root agent.type=filebeat agent.id=a1 host.id=h1 log.file.path=/var/log/auth.log cloud.instance.id=i-1"},
		"Filebeat on another host":        {in: `{"@timestamp":"2026-03-02T09:15:06.123Z","agent":{"type":"filebeat","name":"collector"},"host":{"name":"collector"},"message":` + quoted(asa) + `,"ecs":{"version":"8.0.0"}}`, pack: "cisco.asa", want: "host.hostname=fw1 host.name= agent.name=collector destination.port=3389"},
		"Vector":                          {in: `{"file":"/var/log/auth.log","host":"node1","message":` + quoted(sshd) + `,"source_type":"file","timestamp":"2026-03-02T09:15:05Z"}`, pack: "system.auth", want: "log.file.path=/var/log/auth.log user.name=root"},
		"Logstash":                        {in: `{"@timestamp":"2026-03-02T09:15:05Z","@version":"1","message":` + quoted(asa) + `,"host":"192.0.2.1","type":"syslog"}`, pack: "cisco.asa", want: "source.ip=203.0.113.77"},
		"CloudWatch":                      {in: `{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/vpc","logStream":"s","subscriptionFilters":["f"],"logEvents":[{"id":"1","timestamp":1772442904123,"message":` + quoted(flow) + `},{"id":"2","timestamp":1772442904124,"message":` + quoted(flow) + `}]}`, pack: "aws.vpcflow", want: "source.ip=203.0.113.9 cloud.account.id=123456789012 event.id=1", number: 2},
		"Firehose":                        {in: `{"requestId":"r-1","timestamp":1772442904123,"records":[{"data":"` + base(trail) + `"}]}`, pack: "aws.cloudtrail", want: "source.ip=203.0.113.9 event.action=ConsoleLogin"},
		"CloudWatch, gzip, in Firehose":   {in: `{"requestId":"r","timestamp":1772442904123,"records":[{"data":"` + base(zipped(`{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"secure","logStream":"i-1","logEvents":[{"id":"37","timestamp":1772442904123,"message":`+quoted(sshd)+`},{"id":"38","timestamp":1772442904124,"message":"hello"}]}`)) + `"}]}`, pack: "system.auth", want: "user.name=root cloud.account.id=123456789012", number: 2},
		"Kinesis":                         {in: `{"Records":[{"kinesis":{"partitionKey":"1","data":"` + base(flow) + `"},"eventSource":"aws:kinesis","eventID":"s:1"}]}`, pack: "aws.vpcflow", want: "destination.port=22"},
		"SQS":                             {in: `{"Records":[{"eventSource":"aws:sqs","messageId":"m","body":` + quoted(trail) + `}]}`, pack: "aws.cloudtrail", want: "source.ip=203.0.113.9"},
		"SNS":                             {in: `{"Type":"Notification","MessageId":"m","TopicArn":"arn:aws:sns:eu-west-1:1:t","Message":` + quoted(trail) + `,"Timestamp":"2026-03-02T09:15:05Z"}`, pack: "aws.cloudtrail", want: "source.ip=203.0.113.9"},
		"Pub/Sub":                         {in: `{"message":{"data":"` + base(asa) + `","messageId":"1","publishTime":"2026-03-02T09:15:05Z"},"subscription":"projects/p-1/subscriptions/s"}`, pack: "cisco.asa", want: "source.ip=203.0.113.77 cloud.project.id=p-1"},
		"Cloud Logging, text":             {in: `{"insertId":"a","logName":"projects/p-1/logs/syslog","resource":{"type":"gce_instance","labels":{"project_id":"p-1","instance_id":"4321"}},"severity":"INFO","textPayload":` + quoted(sshd) + `,"timestamp":"2026-03-02T09:15:05Z"}`, pack: "system.auth", want: "user.name=root cloud.instance.id=4321 cloud.provider=gcp"},
		"Cloud Logging, an object":        {in: `{"insertId":"a","logName":"projects/p-1/logs/audit","resource":{"type":"k8s_container","labels":{"pod_name":"api-0"}},"severity":"INFO","jsonPayload":` + audit + `,"timestamp":"2026-03-02T09:15:05Z"}`, pack: "kubernetes.audit_log", want: "source.ip=203.0.113.9 orchestrator.resource.name="},
		"HEC, a text":                     {in: `{"time":1772442904.1,"host":"node1","source":"/var/log/secure","sourcetype":"linux_secure","event":` + quoted(sshd) + `}`, pack: "system.auth", want: "user.name=root log.file.path=/var/log/secure"},
		"HEC, an object":                  {in: `{"time":1772442904.1,"host":"h","sourcetype":"aws:cloudtrail","event":` + trail + `}`, pack: "aws.cloudtrail", want: "source.ip=203.0.113.9"},
		"GELF":                            {in: `{"version":"1.1","host":"fw1","short_message":` + quoted(asa) + `,"timestamp":1772442904.5,"level":4,"_container_name":"relay"}`, pack: "cisco.asa", want: "source.ip=203.0.113.77 container.name=relay"},
		"journal":                         {in: `{"__REALTIME_TIMESTAMP":"1772442904123456","_HOSTNAME":"node1","_MACHINE_ID":"aa","PRIORITY":"6","SYSLOG_FACILITY":"10","SYSLOG_IDENTIFIER":"sshd","_PID":"812","_EXE":"/usr/sbin/sshd","MESSAGE":"Failed password for root from 203.0.113.9 port 51514 ssh2"}`, pack: "system.auth", want: "@timestamp=2026-03-02T09:15:04.123456Z user.name=root process.pid=812 host.hostname=node1 host.id=aa log.syslog.facility.code=10"},
		"journal of a program of no pack": {in: `{"__REALTIME_TIMESTAMP":"1772442904123456","_HOSTNAME":"node1","PRIORITY":"3","SYSLOG_IDENTIFIER":"cartd","_PID":"812","MESSAGE":"cannot reach the till"}`, pack: "systemd.journal", want: "log.level=error process.pid=812 message~till"},
		"syslog-ng":                       {in: `{"PROGRAM":"sshd","PRIORITY":"info","PID":"812","MESSAGE":"Failed password for root from 203.0.113.9 port 51514 ssh2","HOST":"node1","FACILITY":"auth","DATE":"Mar  2 09:15:04"}`, pack: "system.auth", want: "@timestamp=2026-03-02T09:15:04.000Z user.name=root host.hostname=node1"},
		"EventBridge":                     {in: `{"version":"0","id":"1","detail-type":"SystemLog","source":"aws.partner/okta.com/t/x","account":"123456789012","time":"2026-03-02T09:15:05Z","region":"eu-west-1","detail":` + login + `}`, pack: "okta.system", want: "source.ip=203.0.113.9 cloud.account.id=123456789012"},
		"Event Hubs":                      {in: `{"body":` + quoted(login) + `,"offset":"1","sequenceNumber":1,"enqueuedTimeUtc":"2026-03-02T09:15:05Z"}`, pack: "okta.system", want: "source.ip=203.0.113.9"},
		"Event Grid":                      {in: `{"topic":"/t","subject":"s","eventType":"x","eventTime":"2026-03-02T09:15:05Z","id":"1","data":` + login + `}`, pack: "okta.system", want: "source.ip=203.0.113.9"},
		"CloudEvents":                     {in: `{"specversion":"1.0","type":"x","source":"/s","id":"1","data":` + login + `}`, pack: "okta.system", want: "source.ip=203.0.113.9"},
		"CloudEvents, base64":             {in: `{"specversion":"1.0","type":"x","source":"/s","id":"1","data_base64":"` + base(login) + `"}`, pack: "okta.system", want: "source.ip=203.0.113.9"},
		"Okta's event hooks":              {in: `{"eventType":"com.okta.event_hook","eventId":"b","data":{"events":[` + login + `]},"eventTime":"2026-03-02T09:15:05Z"}`, pack: "okta.system", want: "source.ip=203.0.113.9"},
		"OCSF in Security Hub":            {in: `{"version":"0","id":"1","detail-type":"Findings Imported V2","source":"aws.securityhub","account":"123456789012","region":"eu-west-1","detail":{"findings":[{"class_uid":2003,"activity_id":1,"category_uid":2,"type_uid":200301,"time":1772442904000,"metadata":{"version":"1.6.0","product":{"name":"Security Hub"}},"severity_id":4}]}}`, pack: "ocsf.event", want: "cloud.account.id=123456789012"},
		"an object of nobody, CEF":        {in: `{"collector":"c1","raw":"CEF:0|CyberArk|Vault|13.0|7|Logon|5|act=Logon suser=amara shost=203.0.113.9"}`, pack: "cyberark.vault", want: "source.ip=203.0.113.9"},
		"an object of nobody, JSON":       {in: `{"collector":"c1","message":` + quoted(login) + `}`, pack: "okta.system", want: "source.ip=203.0.113.9"},
		"an object of nobody":             {in: `{"collector":"c1","message":"{\"shelf\":4}"}`, pack: "generic.json", want: "message={\"shelf\":4}"},
		"NXLog":                           {in: `{"EventReceivedTime":"2026-03-02T09:15:06Z","SourceModuleName":"in","SourceModuleType":"im_file","Message":` + quoted(sshd) + `}`, pack: "system.auth", want: "user.name=root event.created=2026-03-02T09:15:06.000Z"},
		"OTLP":                            {in: `{"resourceLogs":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"node1"}},{"key":"service.name","value":{"stringValue":"ssh"}}]},"scopeLogs":[{"scope":{"name":"s"},"logRecords":[{"timeUnixNano":"1772442904123456789","body":{"stringValue":` + quoted(sshd) + `},"attributes":[{"key":"log.file.path","value":{"stringValue":"/var/log/auth.log"}}]},{"timeUnixNano":"1772442904123456789","severityNumber":17,"body":{"stringValue":"card declined"}}]}]}]}`, pack: "system.auth", want: "user.name=root service.name=ssh host.name=node1 log.file.path=/var/log/auth.log", number: 2},
		"AKS diagnostics":                 {in: `{"records":[{"time":"2026-03-02T09:15:04Z","resourceId":"/SUBSCRIPTIONS/x/RESOURCEGROUPS/rg/PROVIDERS/MICROSOFT.CONTAINERSERVICE/MANAGEDCLUSTERS/aks","category":"kube-audit","operationName":"op","properties":{"log":` + quoted(audit) + `}}]}`, pack: "kubernetes.audit_log", want: "source.ip=203.0.113.9 cloud.provider=azure"},
		"JSON of docker behind syslog":    {in: `<34>1 2026-03-02T09:15:04Z relay docker - - - {"log":` + quoted(web) + `,"stream":"stdout","time":"2026-03-02T09:15:05.1Z"}`, pack: "nginx.access", want: "source.ip=203.0.113.9"},
		"docker in HEC":                   {in: `{"time":1772442904.1,"host":"node1","sourcetype":"docker","event":{"log":` + quoted(web) + `,"stream":"stdout","time":"2026-03-02T09:15:05.1Z"}}`, pack: "nginx.access", want: "source.ip=203.0.113.9 host.name=node1"},
	} {
		var out parse.Events[parse.Record]
		if err := auto.Worker().Parse(&parse.Message{Raw: []byte(tc.in)}, &out); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if out.Len() != max(tc.number, 1) || out.At(0).Pack != tc.pack {
			t.Errorf("%s: %d events, the first of %s, want one of %s", name, out.Len(), out.At(0).Pack, tc.pack)
			continue
		}
		r := out.At(0)
		for _, w := range strings.Fields(tc.want) {
			field, want, like := strings.Cut(w, "~")
			if !like {
				field, want, _ = strings.Cut(w, "=")
			}
			k, _ := r.Lookup(field)
			got := string(r.Get(k).AppendText(nil))
			if got != want && !(like && strings.Contains(got, want)) {
				t.Errorf("%s: %s is %q, want %q", name, field, got, want)
			}
		}
	}
}
