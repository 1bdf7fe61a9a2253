package xml

import (
	"bytes"
	stdxml "encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/internal/cputime"
	"github.com/penstock-dev/penstock/parse"
)

// logon is an event in the shape that Windows writes, of our own making.
const logon = `<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Example-Security' Guid='{01234567-89AB-CDEF-0123-456789ABCDEF}'/><EventID Qualifiers='16384'>4624</EventID><Version>2</Version><Level>0</Level><Task>12544</Task><Opcode>0</Opcode><Keywords>0x8020000000000000</Keywords><TimeCreated SystemTime='2026-03-04T05:06:07.1234567Z'/><EventRecordID>9001</EventRecordID><Correlation ActivityID='{AAAAAAAA-0000-1111-2222-333333333333}' RelatedActivityID='{BBBBBBBB-0000-1111-2222-333333333333}'/><Execution ProcessID='640' ThreadID='7124'/><Channel>Security</Channel><Computer>ws01.example.net</Computer><Security UserID='S-1-5-18'/></System><EventData>%s</EventData></Event>`

var dataNames = []string{
	"SubjectUserSid", "SubjectUserName", "SubjectDomainName", "SubjectLogonId", "TargetUserSid", "TargetUserName", "TargetDomainName",
	"TargetLogonId", "LogonType", "LogonProcessName", "AuthenticationPackageName", "WorkstationName", "LogonGuid", "TransmittedServices",
	"LmPackageName", "KeyLength", "ProcessId", "ProcessName", "IpAddress", "IpPort",
}

func logonEvent(n int) []byte {
	var b strings.Builder
	for i, name := range dataNames {
		v := fmt.Sprintf("value-%d-%d", i, n)
		switch name {
		case "TargetDomainName":
			v = "R&amp;D"
		case "ProcessName":
			v = `C:\Windows\System32\svchost.exe`
		case "LogonGuid":
			v = "{00000000-0000-0000-0000-000000000000}"
		case "TargetUserSid":
			v = "S-1-5-21-1111111111-2222222222-3333333333-1001"
		case "TransmittedServices", "LmPackageName":
			v = "-"
		}
		fmt.Fprintf(&b, "<Data Name='%s'>%s</Data>", name, v)
	}
	return fmt.Appendf(nil, logon, b.String())
}

// tokens writes the tokens of a document down, comments and such left out.
func tokens(data []byte, opts Options) (string, error) {
	d, err := NewDecoder(opts)
	if err != nil {
		return "", err
	}
	d.Reset(data)
	var out, text []byte
	flush := func() {
		if len(text) > 0 {
			out = fmt.Appendf(out, "%q ", text)
		}
		text = text[:0]
	}
	for {
		t, err := d.Next()
		if err != nil {
			return string(out), err
		}
		switch t {
		case EOF:
			return string(out), nil
		case Start:
			flush()
			out = fmt.Appendf(out, "<%s|%s", d.Prefix(), d.Name())
			for i := range d.Attrs() {
				v, escaped := d.AttrValue(i)
				if escaped {
					v = AppendUnescaped(nil, v)
				}
				out = fmt.Appendf(out, " %s|%s=%q", d.AttrPrefix(i), d.AttrName(i), v)
			}
			out = append(out, "> "...)
		case End:
			flush()
			out = fmt.Appendf(out, "</%s|%s> ", d.Prefix(), d.Name())
		case Text:
			text = d.AppendText(text)
		}
	}
}

// stdTokens is tokens by encoding/xml.
func stdTokens(data []byte) (string, error) {
	d := stdxml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var out, text []byte
	flush := func() {
		if len(text) > 0 {
			out = fmt.Appendf(out, "%q ", text)
		}
		text = text[:0]
	}
	depth, roots := 0, 0
	for {
		t, err := d.RawToken()
		if err == io.EOF {
			if depth > 0 || roots == 0 {
				return string(out), errors.New("unexpected end")
			}
			return string(out), nil
		}
		if err != nil {
			return string(out), err
		}
		switch t := t.(type) {
		case stdxml.StartElement:
			flush()
			if depth == 0 {
				roots++
			}
			depth++
			out = fmt.Appendf(out, "<%s|%s", t.Name.Space, t.Name.Local)
			for _, a := range t.Attr {
				out = fmt.Appendf(out, " %s|%s=%q", a.Name.Space, a.Name.Local, a.Value)
			}
			out = append(out, "> "...)
		case stdxml.EndElement:
			flush()
			depth--
			out = fmt.Appendf(out, "</%s|%s> ", t.Name.Space, t.Name.Local)
		case stdxml.CharData:
			if depth > 0 {
				text = append(text, t...)
			} else if len(bytes.TrimSpace(t)) > 0 {
				return string(out), errors.New("text outside the root")
			}
		case stdxml.Directive:
			return string(out), errors.New("directive")
		}
	}
}

var documents = []struct {
	name, in, want string
	err            errcat.Category
}{
	{name: "one element", in: `<a/>`, want: `<|a> </|a> `},
	{name: "mark and declaration", in: "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<a>é</a>\n", want: `<|a> "é" </|a> `},
	{name: "declared UTF-16, converted", in: `<?xml version='1.0' encoding='utf-16'?><a>é</a>`, want: `<|a> "é" </|a> `},
	{name: "declared Latin-1, ASCII", in: `<?xml version='1.0' encoding='iso-8859-1'?><a>e</a>`, want: `<|a> "e" </|a> `},
	{name: "declared Latin-1", in: `<?xml version='1.0' encoding='iso-8859-1'?><a>é</a>`, err: errcat.EncodingError},
	{name: "attributes", in: `<p:a x="1" p:y = '2"' z='&lt;&#65;&#x42;'/>`, want: `<p|a |x="1" p|y="2\"" |z="<AB"> </p|a> `},
	{name: "text in pieces", in: `<a>1<!-- x -->2<![CDATA[<3>&amp;]]>4<?pi x?>5</a>`, want: `<|a> "12<3>&amp;45" </|a> `},
	{name: "five entities", in: `<a>&amp;&lt;&gt;&quot;&apos;</a>`, want: `<|a> "&<>\"'" </|a> `},
	{name: "line ends", in: "<a b='1\r\n2'>1\r\n2\r3<![CDATA[\r\n&amp;]]></a>", want: `<|a |b="1\n2"> "1\n2\n3\n&amp;" </|a> `},
	{name: "kept return", in: "<a>&#13;\n</a>", want: `<|a> "\r\n" </|a> `},
	{name: "space in tags", in: "<a\n\tb = '1' ><c\r\n/></a >", want: `<|a |b="1"> <|c> </|c> </|a> `},
	{name: "names above ASCII", in: `<größe 名='1'/>`, want: `<|größe |名="1"> </|größe> `},

	{name: "empty", in: "", err: errcat.Truncated},
	{name: "only space", in: " \n", err: errcat.Truncated},
	{name: "not XML", in: "Jan  1 host app: hello", err: errcat.SchemaViolation},
	{name: "cut in text", in: "<a>text", want: `<|a> `, err: errcat.Truncated},
	{name: "cut in tag", in: "<a b='1'", err: errcat.Truncated},
	{name: "cut in value", in: "<a b='1", err: errcat.Truncated},
	{name: "cut in end tag", in: "<a></", want: `<|a> `, err: errcat.Truncated},
	{name: "cut in comment", in: "<a><!-- x -", want: `<|a> `, err: errcat.Truncated},
	{name: "cut in CDATA", in: "<a><![CDATA[ ]]", want: `<|a> `, err: errcat.Truncated},
	{name: "cut in reference", in: "<a>&am", want: `<|a> `, err: errcat.Truncated},
	{name: "document type", in: `<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`, err: errcat.SchemaViolation},
	{name: "external entity", in: `<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>`, err: errcat.SchemaViolation},
	{name: "unknown entity", in: `<a>&nbsp;</a>`, want: `<|a> `, err: errcat.SchemaViolation},
	{name: "bare ampersand", in: `<a>R&D</a>`, want: `<|a> `, err: errcat.SchemaViolation},
	{name: "reference to NUL", in: `<a>&#0;</a>`, want: `<|a> `, err: errcat.EncodingError},
	{name: "reference to a surrogate", in: `<a>&#xD800;</a>`, want: `<|a> `, err: errcat.SchemaViolation},
	{name: "reference too large", in: `<a>&#x110000;</a>`, want: `<|a> `, err: errcat.SchemaViolation},
	{name: "mismatch", in: `<a><b></a></b>`, want: `<|a> <|b> `, err: errcat.SchemaViolation},
	{name: "longer end tag", in: `<a></ab>`, want: `<|a> `, err: errcat.SchemaViolation},
	{name: "two roots", in: `<a/><b/>`, want: `<|a> </|a> `, err: errcat.SchemaViolation},
	{name: "text behind", in: `<a/>b`, want: `<|a> </|a> `, err: errcat.SchemaViolation},
	{name: "end tag alone", in: `</a>`, err: errcat.SchemaViolation},
	{name: "twice an attribute", in: `<a b='1' b='2'/>`, err: errcat.SchemaViolation},
	{name: "attributes without space", in: `<a b='1'c='2'/>`, err: errcat.SchemaViolation},
	{name: "attribute without quotes", in: `<a b=1/>`, err: errcat.SchemaViolation},
	{name: "attribute without value", in: `<a b/>`, err: errcat.SchemaViolation},
	{name: "less-than in a value", in: `<a b='<'/>`, err: errcat.SchemaViolation},
	{name: "two hyphens in a comment", in: `<a><!-- -- --></a>`, want: `<|a> `, err: errcat.SchemaViolation},
	{name: "bad UTF-8", in: "<a>\xff</a>", err: errcat.EncodingError},
	{name: "cut UTF-8", in: "<a>\xc3", err: errcat.EncodingError},
	{name: "control", in: "<a>\x01</a>", err: errcat.EncodingError},
	{name: "U+FFFF", in: "<a>\uffff</a>", err: errcat.EncodingError},
	{name: "UTF-16", in: "\xff\xfe<\x00a\x00/\x00>\x00", err: errcat.EncodingError},
	{name: "late declaration", in: `<a><?xml version="1.0"?></a>`, want: `<|a> `, err: errcat.SchemaViolation},
}

func TestDecoder(t *testing.T) {
	for _, tt := range documents {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tokens([]byte(tt.in), Options{})
			if errcat.Of(err) != tt.err || got != tt.want {
				t.Errorf("tokens(%q) = %s, %v\nwant %s, %v", tt.in, got, err, tt.want, tt.err)
			}
			if tt.err == errcat.None {
				if std, err := stdTokens([]byte(tt.in)); std != got || err != nil {
					t.Errorf("encoding/xml: %s, %v", std, err)
				}
			}
		})
	}
}

func TestLimits(t *testing.T) {
	small := Options{MaxBytes: 100, MaxDepth: 3, MaxAttrs: 2, MaxName: 4}
	for _, tt := range []struct {
		in string
		ok bool
	}{
		{`<a><b><c/></b></a>`, true},
		{`<a><b><c><d/></c></b></a>`, false},
		{`<a b='' c=''/>`, true},
		{`<a b='' c='' d=''/>`, false},
		{`<abcd/>`, true},
		{`<abcde/>`, false},
		{`<a bcdef=''/>`, false},
		{`<?abcde ?><a/>`, false},
		{`<a>` + strings.Repeat("x", 93) + `</a>`, true},
		{`<a>` + strings.Repeat("x", 94) + `</a>`, false},
	} {
		_, err := tokens([]byte(tt.in), small)
		if ok := err == nil; ok != tt.ok || !ok && errcat.Of(err) != errcat.Oversize {
			t.Errorf("%q: %v", tt.in, err)
		}
	}
	for _, o := range []Options{{MaxBytes: -1}, {MaxDepth: 1 << 20}, {MaxAttrs: -5}, {MaxName: 1 << 30}} {
		if _, err := NewDecoder(o); err == nil {
			t.Errorf("%+v accepted", o)
		}
		if _, err := NewReader(Windows, nil, nil, o); err == nil {
			t.Errorf("%+v accepted by NewReader", o)
		}
	}
}

// read gives slots and rest as text.
func read(t testing.TB, r *Reader, names []string, data []byte) (string, *parse.Frame, error) {
	t.Helper()
	f := &parse.Frame{KeepRest: true}
	f.Reset(len(names), new(arena.Bytes))
	err := r.Read(data, f)
	var b strings.Builder
	for i, v := range f.Slots {
		if !v.IsZero() {
			fmt.Fprintf(&b, "%s=%s\n", names[i], v)
		}
	}
	for _, p := range f.Rest {
		fmt.Fprintf(&b, "rest %d %s=%s\n", p.Parent, p.Key, p.Value)
	}
	return b.String(), f, err
}

func newReader(t testing.TB, mode Mode, names []string) *Reader {
	t.Helper()
	slots := make([]int, len(names))
	for i := range slots {
		slots[i] = i
	}
	r, err := NewReader(mode, names, slots, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestGeneric(t *testing.T) {
	names := []string{"Event.System.EventID", "Event.System.Provider@Name", "Event.Tag"}
	r := newReader(t, Generic, names)
	for _, tt := range []struct{ name, in, want string }{
		{"slots and rest", `<Event xmlns="x"><System><Provider Name='a&amp;b' Guid='g'/><EventID Qualifiers="0">1</EventID><Level>4</Level></System></Event>`,
			"Event.System.EventID=1\nEvent.System.Provider@Name=a&b\nrest 3 @Guid=g\nrest 2 .... "},
		{"lists", `<Event><Tag>a</Tag><x>1</x><Tag>b"</Tag><x>2</x><y/><x>3</x><Tag/></Event>`,
			"Event.Tag=[\"a\",\"b\\\"\",\"\"]\nrest 1 x=[\"1\",\"2\",\"3\"]\nrest 1 y=\n"},
		{"another root", `<r><a b="1">t</a><a b="2"><c>x</c>mixed</a> <d>1<!-- -->2<e/></d></r>`,
			"rest 0 r.a@b=[\"1\",\"2\"]\nrest 0 r.a=t\nrest 0 r.a.c=x\nrest 0 r.a#text=mixed\nrest 0 r.d#text=12\nrest 0 r.d.e=\n"},
	} {
		got, _, err := read(t, r, names, []byte(tt.in))
		if tt.name == "slots and rest" {
			tt.want = "Event.System.EventID=1\nEvent.System.Provider@Name=a&b\nrest 4 @Guid=g\nrest 3 @Qualifiers=0\nrest 2 Level=4\n"
		}
		if err != nil || got != tt.want {
			t.Errorf("%s: %v\ngot\n%swant\n%s", tt.name, err, got, tt.want)
		}
	}
	if p := r.Parents(); fmt.Sprint(p) != "[ Event Event.System Event.System.EventID Event.System.Provider Event.Tag]" {
		t.Errorf("Parents() = %q", p)
	}
	for _, bad := range []string{"", "a..b", ".a", "a@", "a@b@c", "@b"} {
		if _, err := NewReader(Generic, []string{bad}, []int{0}, Options{}); err == nil {
			t.Errorf("path %q accepted", bad)
		}
	}
	for _, bad := range [][]string{{"a", "a"}, {"a@b", "a@b"}} {
		if _, err := NewReader(Generic, bad, []int{0, 1}, Options{}); err == nil {
			t.Errorf("paths %q accepted", bad)
		}
		if _, err := NewReader(Windows, bad, []int{0, 1}, Options{}); err == nil {
			t.Errorf("keys %q accepted", bad)
		}
	}
}

func TestWindows(t *testing.T) {
	names := append(WindowsKeys(), "event_data.SubjectUserName", "event_data.param2", "user_data.Reason", "user_data.Deep.Leaf")
	r := newReader(t, Windows, names)
	if p := r.Parents(); len(p) != 4 || p[ParentSystem] != "" || p[ParentEventData] != "event_data" || p[ParentUserData] != "user_data" || p[ParentRendering] != "rendering" {
		t.Errorf("Parents() = %q", p)
	}
	const system = "provider_name=Example-Security\nprovider_guid={01234567-89AB-CDEF-0123-456789ABCDEF}\nevent_id_qualifiers=16384\n" +
		"time_created=2026-03-04T05:06:07.1234567Z\nactivity_id={AAAAAAAA-0000-1111-2222-333333333333}\n" +
		"related_activity_id={BBBBBBBB-0000-1111-2222-333333333333}\nprocess_id=640\nthread_id=7124\nuser_sid=S-1-5-18\n"
	const head = "event_id=4624\nversion=2\nlevel=0\ntask=12544\nopcode=0\nkeywords=0x8020000000000000\nrecord_id=9001\nchannel=Security\ncomputer_name=ws01.example.net\n"
	for _, tt := range []struct{ name, in, want string }{
		{"event data", fmt.Sprintf(logon, `<Data Name='SubjectUserName'>A&amp;B</Data><Data Name="Other">x</Data><Data Name='Empty'/><Binary>00FF</Binary>`),
			head + system + "event_data.SubjectUserName=A&B\nrest 1 Other=x\nrest 1 Empty=\nrest 1 Binary=00FF\n"},
		{"unnamed data", fmt.Sprintf(logon, "\r\n <Data>one</Data>\r\n <Data>two</Data> <Data></Data><Data Name=''>4</Data>"),
			head + system + "event_data.param2=two\nrest 1 param1=one\nrest 1 param3=\nrest 1 param4=4\n"},
		{"text in pieces", fmt.Sprintf(logon, `<Data Name='SubjectUserName'>ad<!-- x -->min<![CDATA[<&>]]></Data>`),
			head + system + "event_data.SubjectUserName=admin<&>\n"},
		{"controls", fmt.Sprintf(logon, "<Data Name='SubjectUserName'>a\x01\u0085&#x0;</Data>"),
			head + system + "event_data.SubjectUserName=a\x01\u0085\x00\n"},
		{"user data", `<e:Event xmlns:e='u'><e:System><e:EventID>7</e:EventID></e:System><UserData><Log xmlns='v' At="1"><Reason>r</Reason><Deep><Leaf>l</Leaf><Leaf2 x="y"/></Deep></Log></UserData></e:Event>`,
			"event_id=7\nuser_data.xml_name=Log\nuser_data.Reason=r\nuser_data.Deep.Leaf=l\nrest 2 Deep.Leaf2@x=y\n"},
		{"rendering", `<Event><System><EventID>7</EventID></System><RenderingInfo Culture='en-US'><Message>Hello&#13;&#10;World</Message><Level>Information</Level><Task>T</Task><Opcode>Info</Opcode><Channel>C</Channel><Provider>P</Provider><Keywords><Keyword>Audit "Success"</Keyword><Keyword>Two</Keyword></Keywords></RenderingInfo></Event>`,
			"event_id=7\nmessage=Hello\r\nWorld\nrendering.level=Information\nrendering.task=T\nrendering.opcode=Info\nrendering.channel=C\nrendering.provider=P\nrendering.keywords=[\"Audit \\\"Success\\\"\",\"Two\"]\n"},
		{"no forged keys", `<Event><provider_name>x</provider_name><System><event_id>6</event_id><EventID>7</EventID><EventID>8</EventID></System><RenderingInfo><level>x</level></RenderingInfo></Event>`,
			"event_id=7\nrest 0 provider_name=x\nrest 0 event_id=6\nrest 3 level=x\n"},
		{"unknown parts", `<Event><System><EventID>7</EventID><Odd A="1"><B>2</B></Odd></System><ProcessingErrorData><ErrorCode>15005</ErrorCode></ProcessingErrorData></Event>`,
			"event_id=7\nrest 0 Odd@A=1\nrest 0 Odd.B=2\nrest 0 ProcessingErrorData.ErrorCode=15005\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := read(t, r, names, []byte(tt.in))
			if err != nil || got != tt.want {
				t.Errorf("%v\ngot\n%swant\n%s", err, got, tt.want)
			}
			double := strings.NewReplacer(`"`, `'`, `'`, `"`).Replace(tt.in)
			if strings.ContainsAny(tt.want, `"'`) {
				return
			}
			if got, _, err := read(t, r.Clone(), names, []byte(double)); err != nil || got != tt.want {
				t.Errorf("other quotes: %v\ngot\n%swant\n%s", err, got, tt.want)
			}
		})
	}
	for in, want := range map[string]errcat.Category{
		"<Events><Event/></Events>":                    errcat.SchemaViolation,
		"<Event/>":                                     errcat.SchemaViolation,
		"<Event><System>text</System></Event>":         errcat.SchemaViolation,
		"<Event><EventData><Data Name='":               errcat.Truncated,
		"<Event><EventData><Data Name='a'>x</Data>":    errcat.Truncated,
		"<Event><EventData><Data Name='a'>\xff</Data>": errcat.EncodingError,
		"<Event><EventData><Data Name='" + strings.Repeat("n", 1025) + "'>x</Data></EventData></Event>": errcat.Oversize,
		"<Event><EventData>" + strings.Repeat("<Data Name='a'>x</Data>", 4097) + "</EventData></Event>": errcat.Oversize,
	} {
		if _, _, err := read(t, r, names, []byte(in)); errcat.Of(err) != want {
			t.Errorf("%.60q: %v, want %v", in, err, want)
		}
	}
}

// TestTruncation cuts an event everywhere: always an error, never a panic.
func TestTruncation(t *testing.T) {
	r := newReader(t, Windows, WindowsKeys())
	g := newReader(t, Generic, []string{"Event.System.EventID"})
	whole := logonEvent(1)
	for n := range whole {
		for _, r := range []*Reader{r, g} {
			if _, _, err := read(t, r, make([]string, 40), whole[:n:n]); errcat.Of(err) != errcat.Truncated {
				t.Fatalf("cut at %d: %v", n, err)
			}
		}
	}
}

func TestSplit(t *testing.T) {
	split := func(in string) (got []string) {
		for part, err := range Split([]byte(in), "Event", Options{}) {
			s := string(part)
			if err != nil {
				s = errcat.Of(err).String() + " " + s
			}
			got = append(got, s)
		}
		return got
	}
	for _, tt := range []struct {
		name, in string
		want     []string
	}{
		{"events", "<?xml version='1.0'?>\n<Events xmlns='u'>\n<Event a='1'><b/></Event><Event/>\n</Events>\n", []string{"<Event a='1'><b/></Event>", "<Event/>"}},
		{"no root", "<e:Event></e:Event>\r\n<Event>2</Event>", []string{"<e:Event></e:Event>", "<Event>2</Event>"}},
		{"declarations between", "<?xml version='1.0'?><Event/><?xml version='1.0'?><Event/>", []string{"<Event/>", "<Event/>"}},
		{"quoted in CDATA", "<Event><![CDATA[</Event><Event>]]></Event>", []string{"<Event><![CDATA[</Event><Event>]]></Event>"}},
		{"nested", "<Event><Event/></Event>", []string{"<Event><Event/></Event>"}},
		{"broken in the middle", "<Events><Event>1</Event><Event><b></c></Event><Event>3</Event></Events>",
			[]string{"<Event>1</Event>", "SCHEMA_VIOLATION <Event><b></c></Event>", "<Event>3</Event>"}},
		{"cut in the middle", "<Events><Event><b>1<Event>2</Event><Event>3</Event></Events>",
			[]string{"SCHEMA_VIOLATION <Event><b>1", "<Event>2</Event>", "<Event>3</Event>"}},
		{"cut at the end", "<Events><Event>1</Event><Event><b>", []string{"<Event>1</Event>", "TRUNCATED <Event><b>"}},
		{"nothing", "", nil},
	} {
		if got := split(tt.in); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, got, tt.want)
		}
	}
}

// TestSplitTime: hostile documents must not cost more than a multiple of their size.
func TestSplitTime(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, part := range []string{"<Event>", "<Event><![CDATA[", "<Event><!--", "<Event><?x ", "<Event a='", "<Event><b>", "<Event></b>", "</Event>", "<Event>&#"} {
		in := []byte(strings.Repeat(part, 1<<20/len(part)))
		begin := cputime.Thread()
		for range Split(in, "Event", Options{}) {
		}
		if took := cputime.Thread() - begin; took > 5*time.Second {
			t.Errorf("%q repeated: %v for a megabyte", part, took)
		}
	}
}

func FuzzDecoder(f *testing.F) {
	for _, tt := range documents {
		f.Add([]byte(tt.in))
	}
	f.Add(logonEvent(1))
	f.Add([]byte(`<Event><System><Provider Name="a" EventSourceName="b"/><EventID>7</EventID><Task/><Odd/><Level>4</Level><Security UserID="S-1-5-18"/></System><EventData><Data Name="a">b</Data> <Data>c</Data></EventData><UserData><a><b>c</b></a></UserData></Event>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := tokens(data, Options{MaxDepth: 1 << 16, MaxAttrs: 1 << 16, MaxName: 1 << 16})
		want, stdErr := stdTokens(data)
		switch errcat.Of(err) {
		case errcat.None:
			// What encoding/xml alone refuses: see the package comment.
			if stdErr != nil {
				for _, known := range []string{"unescaped ]]>", "unsupported version", "invalid XML name", "invalid character entity", "expected"} {
					if strings.Contains(stdErr.Error(), known) && (known == "unescaped ]]>" || known == "unsupported version" || !isASCII(data)) {
						return
					}
				}
				t.Fatalf("accepted %s; encoding/xml: %v", got, stdErr)
			}
			if got != want {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
		case errcat.SchemaViolation, errcat.EncodingError, errcat.Truncated, errcat.Oversize:
			if stdErr == nil && !allowedRefusal(err.Error(), data) {
				t.Fatalf("refused: %v; encoding/xml: %s", err, want)
			}
		default:
			t.Fatalf("category of %v", err)
		}
		names := []string{"event_id", "event_data.a", "a"}
		for _, mode := range []Mode{Generic, Windows} {
			r := newReader(t, mode, names)
			_, frame, err := read(t, r, names, data)
			if mode == Generic && (err == nil) != (got != "" && errcat.Of(err) == errcat.None && err == nil) {
				t.Fatalf("generic: %v", err)
			}
			for _, p := range frame.Rest {
				if err == nil && mode == Generic && !utf8.Valid(p.Value.Bytes()) {
					t.Fatalf("%q is not UTF-8", p.Value)
				}
			}
		}
		fast, slow := newReader(t, Windows, WindowsKeys()), newReader(t, Windows, WindowsKeys())
		slow.slow = true
		keys := WindowsKeys()
		f2, _, err2 := read(t, slow, keys, data)
		for range 2 { // the second time with what the first taught about the order of names
			f1, _, err1 := read(t, fast, keys, data)
			if errcat.Of(err1) != errcat.Of(err2) || err1 == nil && f1 != f2 {
				t.Fatalf("fast: %v\n%sslow: %v\n%s", err1, f1, err2, f2)
			}
		}
		end := 0
		for part, err := range Split(data, "Event", Options{}) {
			if len(part) == 0 && err == nil {
				t.Fatal("empty part")
			}
			end += len(part)
		}
		if end > len(data) {
			t.Fatalf("parts of %d bytes in %d", end, len(data))
		}
	})
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

var surrogateOrLong = regexp.MustCompile(`&#(x0*[dD][89a-fA-F]..|0*5[5-7]...|.{10,});`)

// allowedRefusal knows the refusals that encoding/xml does not share.
func allowedRefusal(msg string, data []byte) bool {
	for _, known := range []string{"second root", "text outside", "XML declaration", "attribute twice", "no space before", "no space behind", "no target behind", "its encoding is not UTF-8", "document type"} {
		if strings.Contains(msg, known) {
			return true
		}
	}
	if strings.Contains(msg, "'&' without") {
		return surrogateOrLong.Match(data)
	}
	if strings.Contains(msg, "ENCODING_ERROR") {
		// encoding/xml does not look into comments and instructions.
		return !utf8.Valid(data) || bytes.ContainsFunc(data, func(r rune) bool { return !allowed(r) })
	}
	return strings.Contains(msg, "that does not match") || strings.Contains(msg, "end tag without its start") // RawToken does not check
}

func TestNoAllocations(t *testing.T) {
	data := logonEvent(1)
	names := append(WindowsKeys(), "event_data.SubjectUserName", "event_data.TargetDomainName")
	for _, mode := range []Mode{Windows, Generic} {
		r := newReader(t, mode, names)
		f := parse.Frame{KeepRest: true}
		var text arena.Bytes
		if n := testing.AllocsPerRun(100, func() {
			text.Reset()
			f.Reset(len(names), &text)
			if err := r.Read(data, &f); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("mode %d: %v allocations", mode, n)
		}
	}
}

func ExampleReader() {
	r, err := NewReader(Windows, []string{"event_id", "event_data.User"}, []int{0, 1}, Options{})
	if err != nil {
		panic(err)
	}
	f := parse.Frame{KeepRest: true}
	f.Reset(2, new(arena.Bytes))
	err = r.Read([]byte(`<Event><System><EventID>4624</EventID><Level>0</Level></System><EventData><Data Name='User'>R&amp;D</Data></EventData></Event>`), &f)
	fmt.Println(f.Slots[0], f.Slots[1], err)
	for _, p := range f.Rest {
		fmt.Println(p.Parent, string(p.Key), p.Value)
	}
	// Output:
	// 4624 R&D <nil>
	// 0 level 0
}

func ExampleDecoder() {
	var d Decoder
	d.Reset([]byte(`<user id="7">A&amp;B</user>`))
	for {
		t, err := d.Next()
		if err != nil || t == EOF {
			break
		}
		switch t {
		case Start:
			id, _, _ := d.Attr("id")
			fmt.Printf("%s %s\n", d.Name(), id)
		case Text:
			fmt.Printf("%s\n", d.AppendText(nil))
		}
	}
	// Output:
	// user 7
	// A&B
}

func benchNames() []string {
	names := WindowsKeys()
	for _, n := range dataNames {
		names = append(names, "event_data."+n)
	}
	return names
}

func BenchmarkWindows(b *testing.B) {
	var events [][]byte
	for i := range 64 {
		events = append(events, logonEvent(i))
	}
	few := []string{"event_id", "time_created", "computer_name", "event_data.TargetUserName", "event_data.IpAddress"}
	for _, bb := range []struct {
		name  string
		names []string
		rest  bool
	}{{"all", benchNames(), false}, {"few", few, false}, {"rest", few, true}} {
		b.Run(bb.name, func(b *testing.B) {
			r := newReader(b, Windows, bb.names)
			f := parse.Frame{KeepRest: bb.rest}
			var text arena.Bytes
			b.ReportAllocs()
			b.SetBytes(int64(len(events[0])))
			for i := 0; i < b.N; i++ {
				text.Reset()
				f.Reset(len(bb.names), &text)
				if err := r.Read(events[i%64], &f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGeneric(b *testing.B) {
	data := logonEvent(1)
	names := []string{"Event.System.EventID", "Event.System.Computer", "Event.System.Provider@Name", "Event.EventData.Data"}
	r := newReader(b, Generic, names)
	var f parse.Frame
	var text arena.Bytes
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		text.Reset()
		f.Reset(len(names), &text)
		if err := r.Read(data, &f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecoder(b *testing.B) {
	data := logonEvent(1)
	b.Run("penstock", func(b *testing.B) {
		var d Decoder
		b.ReportAllocs()
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			d.Reset(data)
			for t, err := d.Next(); t != EOF || err != nil; t, err = d.Next() {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("encoding-xml", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			d := stdxml.NewDecoder(bytes.NewReader(data))
			for {
				if _, err := d.RawToken(); err == io.EOF {
					break
				} else if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
