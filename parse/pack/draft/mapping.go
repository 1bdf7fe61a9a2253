package draft

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock-dev/penstock/internal/timeparse"
)

func itoa(n int) string { return strconv.Itoa(n) }

// synonyms are fields by what vendors call them, letters and digits only. Where two
// keys of a product mean the same field the one that stands first here wins.
var synonyms = []struct {
	field string
	names string
}{
	{"timestamp", "timestamp eventtime at time datetime date ts rt deviceReceiptTime devicetime devTime creationtime createdat eventTimestamp logtime utctime timegenerated when occurred occurredat starttime start createddatetime published"},
	{"source.ip", "src srcip sourceip sourceaddress srcaddr srcaddress saddr sip clientip cip callerip ipaddress sourceipaddress remoteip remoteaddr remoteaddress clientaddress fromip ip userip actorip srchost"},
	{"source.port", "spt srcport sourceport sport clientport cport remoteport fromport"},
	{"source.mac", "cmac smac srcmac sourcemac sourcemacaddress clientmac"},
	{"source.bytes", "out sentbyte bytesout bytessent sentbytes sent sbytes sourcebytes srcbytes txbytes"},
	{"source.packets", "sentpkt packetsout packetssent sentpackets spkts"},
	{"destination.ip", "dst dstip destip destinationip destinationaddress dstaddr dstaddress daddr dip serverip sip2 toip targetip destaddress destaddr"},
	{"destination.port", "dpt dstport destport destinationport dport serverport targetport toport"},
	{"destination.mac", "dmac dstmac destinationmac destmac"},
	{"destination.bytes", "in rcvdbyte bytesin bytesreceived receivedbytes rcvdbytes rcvd received dbytes destinationbytes dstbytes rxbytes"},
	{"destination.packets", "rcvdpkt packetsin packetsreceived receivedpackets dpkts"},
	{"network.transport", "proto protocol transport ipprotocol protocolname protoname transportprotocol"},
	{"network.protocol", "app applicationprotocol service appproto"},
	{"network.bytes", "bytes totalbytes"},
	{"event.action", "act action eventaction activity operation disposition verdict eventname eventtype type subtype"},
	{"event.code", "eventid logid msgid messageid signatureid classid cef.classid leef.classid eventcode id2"},
	{"event.id", "id uuid eventuuid eventguid logguid recordid uid"},
	{"event.reason", "reason failurereason statusreason"},
	{"event.outcome", "outcome result status2"},
	{"event.duration", "duration durationms elapsedms tookms heldms latencyms"},
	{"rule.name", "rule rulename policyname policy rulelabel"},
	{"rule.id", "ruleid policyid"},
	{"message", "msg message description desc cef.name eventdescription text"},
	{"log.level", "level loglevel severityname pri sev severitylabel"},
	{"user.name", "user username suser srcuser usrname usr account accountname login loginname userid principal actor useridentity"},
	{"user.email", "email useremail mail actoremail"},
	{"user.domain", "domain userdomain sntdom ntdomain"},
	{"user.target.name", "duser dstuser targetuser targetusername"},
	{"host.hostname", "hostname host dhost devicehostname computername machinename computer devicename2"},
	{"observer.name", "devname devicename dvchost sensor sensorname firewall"},
	{"observer.serial_number", "devid serial serialnumber deviceid sn"},
	{"observer.ingress.interface.name", "srcintf deviceinboundinterface ingressinterface inif ininterface indev"},
	{"observer.egress.interface.name", "dstintf deviceoutboundinterface egressinterface outif outinterface outdev"},
	{"url.original", "url request requesturl uri requesturi"},
	{"url.domain", "urldomain"},
	{"http.request.method", "method requestmethod httpmethod verb"},
	{"http.response.status_code", "statuscode httpstatus responsecode httpstatuscode"},
	{"http.request.referrer", "referer referrer"},
	{"user_agent.original", "useragent agent requestclientapplication httpuseragent"},
	{"file.name", "fname filename"},
	{"file.path", "filepath"},
	{"file.hash.md5", "md5 filehashmd5"},
	{"file.hash.sha1", "sha1 filehashsha1"},
	{"file.hash.sha256", "sha256 filehash filehashsha256 hash"},
	{"process.name", "process processname sproc deviceprocessname comm"},
	{"process.pid", "pid processid spid deviceprocessid"},
	{"process.command_line", "commandline cmdline cmd command"},
	{"dns.question.name", "query queryname qname dnsquery"},
	{"dns.question.type", "qtype querytype"},
	{"threat.indicator.name", "threatname malware malwarename virus virusname signature attack attackname"},
	{"cloud.account.id", "accountid awsaccountid"},
	{"cloud.region", "region awsregion"},
}

func letters(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, s)
}

// entry is one line of a map.
type entry struct{ field, expr string }

// mapped chooses fields for native keys by their names, if their values agree. The
// keys that are left are returned in their order.
func mapped(samples []*sample) (entries []entry, left []string) {
	var keys []string
	values := map[string][]string{}
	for _, s := range samples {
		for _, k := range s.keys {
			if _, ok := values[k]; !ok {
				keys = append(keys, k)
			}
			values[k] = append(values[k], s.values[k])
		}
	}
	taken := map[string]bool{}
	server := serverKeys(keys)
	for _, syn := range synonyms {
	names:
		for _, name := range strings.Fields(syn.names) {
			for _, k := range keys {
				if to := server[k]; taken[k] || to != syn.field && (to != "" || !isNamed(k, letters(name))) {
					continue
				}
				if expr, ok := expression(syn.field, k, values[k]); ok {
					entries = append(entries, entry{syn.field, expr})
					taken[k] = true
					break names
				}
			}
		}
	}
	for _, k := range keys {
		if !taken[k] {
			left = append(left, k)
		}
	}
	return entries, left
}

// isNamed reports whether a native key is called name: as a whole, or its last one or two elements.
func isNamed(key, name string) bool {
	if letters(key) == name {
		return true
	}
	if strings.HasPrefix(key, "cef.") || strings.HasPrefix(key, "leef.") {
		return false
	}
	i := strings.LastIndexAny(key, ".@")
	if i < 0 {
		return false
	}
	j := strings.LastIndexAny(key[:i], ".@")
	return letters(key[i+1:]) == name || j >= 0 && letters(key[j+1:]) == name
}

// serverKeys tells which of the keys that mean the sender elsewhere mean the server, since others
// name the client.
func serverKeys(keys []string) map[string]string {
	of := map[string]string{}
	for _, k := range keys {
		of[letters(k)] = k
	}
	out := map[string]string{}
	for _, pair := range [][3]string{{"cip", "sip", "destination.ip"}, {"cport", "sport", "destination.port"}, {"cmac", "smac", "destination.mac"}} {
		if _, ok := of[pair[0]]; ok {
			if k, ok := of[pair[1]]; ok {
				out[k] = pair[2]
			}
		}
	}
	return out
}

func every(values []string, test func(string) bool) bool {
	n := 0
	for _, v := range values {
		if v == "" || v == "-" || v == "N/A" || v == "null" {
			continue
		}
		n++
		if !test(v) {
			return false
		}
	}
	return n > 0
}

func isIP(v string) bool {
	_, err := netip.ParseAddr(v)
	return err == nil
}

func isPort(v string) bool {
	n, err := strconv.Atoi(v)
	return err == nil && n >= 0 && n <= 65535
}

func isInt(v string) bool {
	_, err := strconv.ParseInt(v, 10, 64)
	return err == nil
}

// layouts are the forms of a time that are tried.
var layouts = []struct{ name, filter string }{
	{"iso8601", ""},
	{"unix_auto", "epoch"},
	{"syslog", `time("syslog")`},
	{"clf", `time("clf")`},
	{"rfc1123", `time("rfc1123")`},
	{"ansic", `time("ansic")`},
	{"2006/01/02 15:04:05", `time("2006/01/02 15:04:05")`},
	{"01/02/2006 15:04:05", `time("01/02/2006 15:04:05")`},
	{"02/01/2006 15:04:05", `time("02/01/2006 15:04:05")`},
	{"Jan 02 2006 15:04:05", `time("Jan 02 2006 15:04:05")`},
	{"01/02/2006 03:04:05 PM", `time("01/02/2006 03:04:05 PM")`},
}

// expression is what gives the field from the key, if the key's values are of its kind.
func expression(field, key string, values []string) (string, bool) {
	name := nativeName(key)
	test := func(string) bool { return true }
	switch field {
	case "timestamp":
		for _, l := range layouts {
			lay, err := timeparse.Compile(l.name)
			if err != nil {
				continue
			}
			if every(values, func(v string) bool { _, err := lay.Parse([]byte(v), &timeparse.Context{}); return err == nil }) {
				if l.filter == "" {
					return name, true
				}
				return name + " | " + l.filter, true
			}
		}
		return "", false
	case "source.ip", "destination.ip":
		test = isIP
	case "source.port", "destination.port":
		test = isPort
	case "source.bytes", "destination.bytes", "source.packets", "destination.packets", "network.bytes", "process.pid", "http.response.status_code":
		test = isInt
	case "event.outcome":
		test = func(v string) bool { return v == "success" || v == "failure" || v == "unknown" }
	case "network.transport":
		name += " | protocol"
	case "network.protocol", "log.level":
		name += " | lower"
	case "file.hash.md5":
		test = func(v string) bool { return len(v) == 32 }
	case "file.hash.sha1":
		test = func(v string) bool { return len(v) == 40 }
	case "file.hash.sha256":
		test = func(v string) bool { return len(v) == 64 }
	case "event.duration":
		if every(values, isInt) && strings.HasSuffix(letters(key), "ms") {
			return name + " | millis", true
		}
		if every(values, isInt) {
			return name + " | seconds", true
		}
		return name + " | duration", every(values, func(v string) bool { _, ok := timeparse.ParseDuration([]byte(v)); return ok })
	case "host.hostname", "user.name", "event.action":
		test = func(v string) bool { return v[0] != '{' && v[0] != '[' }
	}
	return name, every(values, test)
}

// words of the language that a native key must not look like.
var words = []string{"and", "or", "not", "in", "true", "false", "contains", "startswith", "endswith", "matches", "within"}

// nativeName writes a key as expressions take it.
func nativeName(key string) string {
	if key == "message" || key == "raw" || strings.HasPrefix(key, "_") && !strings.ContainsAny(key, "\"`") {
		return "`\"" + key + "\"`" // the text itself, and temporaries, have such names
	}
	plain := key != "" && !slices.Contains(words, key) && (key[0] < '0' || key[0] > '9')
	for i, c := range []byte(key) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_':
		case (c == '.' || c == '-') && i > 0 && i+1 < len(key) && key[i+1] != '.' && key[i+1] != '-':
		default:
			plain = false
		}
	}
	if plain {
		return key
	}
	return "`" + strings.ReplaceAll(key, "`", "") + "`"
}
