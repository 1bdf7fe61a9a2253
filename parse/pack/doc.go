/*
Package pack compiles vendor packs: a folder with a pack.yaml that says, without Go, how
the messages of one product become ECS events.

# A whole pack

	name: acme.wall                 # event.dataset; event.module is what stands before the dot
	aliases: [acme.firewall]        # on one line
	vendor: Acme
	product: Wall
	version: 1.0.0
	docs: [https://docs.acme.example/wall/logs]
	detect:
	  - contains: ['devtype="wall"', 'logid=']
	nulls: ['-', 'N/A']             # texts that mean "nothing"; an empty text always does
	set:                            # constants of every event
	  observer.vendor: Acme
	  observer.product: Wall
	  observer.type: firewall
	lookups:
	  action:
	    default: null
	    rows:
	      accept|allow: {event.type: [connection, allowed], event.outcome: success}
	      deny:         {event.type: [connection, denied], event.outcome: success}
	steps:
	  - syslog: {host: 'host.hostname, observer.hostname'}
	  - kv: {}
	  - lookup: {table: action, key: action | lower}
	  - set: {event.category: network}
	    map:
	      source.address: src
	      source.port: spt
	      destination.address: dst | host
	      destination.port: dst | port
	      event.duration: dur | seconds
	      event.action: action
	required: [source.address]

Every value that no field took is kept under the namespace (the name, unless namespace says
otherwise): here acme.wall.<native key>, and just <native key> where that begins with the namespace
already. What a lossy filter, a lookup or a condition read is kept too.

# The top of a pack

	name, vendor, product, version   required
	aliases, docs, notes             texts
	order       detection tries lower numbers first; default 50, generic formats 90 and more
	namespace   where unmapped values go, default the name
	roots       further first segments that vendor fields may have
	keep        false: unmapped values are not kept
	detect      signatures, one of which must hold (see below)
	split       {json: [Records, value]}: one event for each object of a top array or of the
	            named member; [] for top arrays only. More than Options.MaxEvents are OVERSIZE
	            each: ['flows[].tuples[]', 'notes[]'] goes on in each of these objects: one event for
	            each element of the last array of each path. The event's text is the whole object, in
	            which the arrays on the way hold that one element, and those of other paths none: steps
	            read flows[0].tuples[0]. What the events of a message have of it together is at most 64 times
	            its length and 1 MiB, or it is OVERSIZE. An object in the place of an array is its only
	            element; where no path finds any, the object is one event
	            envelope: _around gives each event the object that its array was a member of,
	            for steps like json: {from: _around}
	            alone: true splits only where no other member is an object or an array of them
	            lines: true takes a message of several values for as many events
	            header: true also splits an array of objects that stands behind a syslog
	            header, which each event then has in front
	rename      {'payload.*': 'details.*', 'props.*': '*', 'tags.*': 'labels.*', 'Acme*': '*'}: what no
	            field took is kept elsewhere: all that lies below an object of the message, or all keys at its
	            top that begin with a text. labels and other objects of ECS take it, too
	relay       what holds another product's message, for the packs of shippers, container runtimes
	            and queues: a name or several of which the first counts, or
	            {from: NAME, when: condition, generic: false}. See below
	include     other packs beside this one, whose lookups, groups, spellings and wrappers are
	            known here too
	spellings   {srcIp: [src, source.ip]}: further native keys that are read as srcIp, in the
	            order of the wire. Case and punctuation never matter (SRC_IP, src-ip), nor does it
	            whether a JSON path is written flat or as objects; what stands in front of
	            the colon is the fastest. For formats whose writers agree on nothing
	wrappers    [event, data]: objects whose members spellings find as if they stood outside
	lookups     a row's key 'a|b' stands for both, 'abc*' and '*abc' for what begins or ends so
	            and has no row of its own (the longest counts); fold: true, letter case aside
	nulls, groups, set, steps, required
	derive      {address: false, community_id: false, related: false, url: false, file: false,
	            duration: false} switches off what is derived from other fields: source.address
	            from source.ip, network.community_id, related.*, the parts of url.original and
	            file.path, the third of event.start, .end and .duration
	priority    {critical: condition, high: condition, low: condition}

event.kind (event), event.module, event.dataset and ecs.version are set on every event.

# Steps

A step is a mapping with any of these keys, done in this order:

	when: condition       the step is for events that meet it; else: steps for the others
	syslog, json, cef, leef, kv, csv, xml, members, outline: options   read a format (one in each step)
	text: patterns        match free text
	lookup: {table: t, key: expression}    set the columns of the row as fields
	set: {field: constant}
	map: {field: expression}
	switch: expression    with cases: {value: steps, 'a|b': steps, 'prefix*': steps} and default: steps;
	                      switch: [a, b] has cases such as 'TRAFFIC/end' and 'TRAFFIC/*'
	then: steps
	use: group            the steps of groups: {group: steps}; or a list of groups
	drop: true            the event is not wanted (counted as filtered)
	fail: text            the event is refused (SCHEMA_VIOLATION)

A step that could not read its format or match its text stops there (its set and map are
not done). Options that all formats have: from: NAME (default message), on_error: fail (the
message is a dead letter; the default), skip, or drift (the event says so in error.code).
text drifts by default, and the text is then kept in message unless the pack sets that.

Formats and the native names that they give:

	syslog: {host: 'host.hostname', time: true, relayed: true, required: false}
	        syslog.hostname .appname .procid .msgid .priority .facility .severity .time
	        .sequence .uptime .level .repeated .header, sd.PARAM; message becomes the payload
	        (of "message repeated 3 times: [ text]" the text; the number is kept as .repeated).
	        Relays' headers in front of the device's are passed over: where that has a priority, or
	        tells time, host and program.
	        Sets log.syslog.*, @timestamp and the fields named by host ('none' for none).
	        A message without header is passed on as it is, unless required. params: PREFIX
	        gives PREFIX.PARAM instead of sd.PARAM, params: '' the bare PARAM
	        A pack that reads JSON and has no such step takes an object, or an array of them, behind a
	        header too: log.syslog.* is set, and @timestamp where the event has none
	json:   {as: PREFIX}     paths: a.b.c, a[0].b, a[].b (a list), a."b.c"
	        below as, prefix: x_ finds member x_a as a, and initials: lower finds member targetUser as TargetUser
	cef:    {names: wire}    cef.version .vendor .product .device_version .class_id .name .severity,
	        extension keys as on the wire; label("Rule Name") finds csN by csNLabel. names: long
	        also reads the long names of the CEF dictionary as the short ones (sourceAddress
	        as src), and keeps by the long name what no field took
	        strip: [ACME, ad.] takes a vendor's prefix off extension keys: ACMEpolicyid is
	        policyid, unless the pack names the whole key.
	        A pack that reads other formats too keeps extension keys right below the
	        namespace, others below namespace.extensions
	leef:   {}               leef.version .vendor .product .device_version .class_id, attributes
	kv:     {preset: fortinet|sophos|sonicwall|watchguard|checkpoint|juniper|logfmt|iptables|auditd,
	         pairs: ' ', keys: '=', quotes: '"', escapes: backslash|c|doubled|none, bare: stray|true|empty,
	         spaces: bool (values without quotes may hold spaces), spaced: bool (key = value),
	         prefix, suffix, null, trim_key, key_bytes, stray: NAME (words outside of pairs), as: PREFIX}
	csv:    {columns: [a, b, _, c], separator: ',' (or tab), quote: '"' ('' for none), escape: doubled|backslash,
	         lazy, brackets ([a b] is one field), collapse (separators in a row count as one), trim: bools,
	         unset: '-', empty: '(empty)', least: N, most: N (columns without drift), as: PREFIX}
	members: {from: Parameters, key: Name, value: [Value], as: Parameters}
	        an array of objects that are a name and its value each: the name is Parameters.NAME and
	        the value the first of the listed members that it has (value.intValue is a member of one). Without value: Parameters.NAME.MEMBER
	        for every other member. Skips what is no such array (on_error: skip)
	outline: {from: Message, names: TABLE, as: PREFIX}
	        a text for people with labelled values, perhaps below headings: the row Subject.Account Name: SubjectUserName
	        of the table gives the value with that label below that heading as SubjectUserName, a row without
	        heading that of the label anywhere. What a slot holds already stays. Skips a text with none of the labels
	xml:    {mode: windows}  provider_name, event_id, event_data.NAME, ...; {mode: generic}: element paths

message is the text that layers and patterns read; raw is the message as the device sent it, without relays' headers.
Two kinds of keys are written as quoted paths in backticks, `"_PID"`, `"message"`: those that begin with _, since such a name is a
temporary, and a key that is called message or raw, since these are the text itself.

A key that a pattern captured before, or a column, keeps what came first; the key is then kept as NAME_.
With as: in, the names of a layer are in.NAME. Names starting with _ are temporaries: set by
map, read by expressions, never kept. message~ as a destination replaces the text that the next layer
reads.

Text patterns are those of package parse/kernel/text: Deny <proto:word> src <if>:<src:ip>/<sport:int>{ (<user>)}.
text takes one pattern, a list, or {from: NAME, patterns: [...], on_error: ...}; a pattern in a list may be
{is: pattern, set: …, map: …, …} with a step of its own. Captures are native names.

# Destinations

	field: e      set the field if e is present (an absent value leaves it as it is)
	field+: e     append to the list, without repeats
	field?: e     set it only if it is not set
	_name: e      a temporary
	timestamp     the same as @timestamp

A value in map may be {value: e, when: condition, on_error: drop|tag|fail}. Values are
converted to the type that ECS gives the field: source.port: p needs no filter, nor do ip, boolean and
ISO 8601 dates, or epochs in number form. What does not fit is left out, counted, and
kept raw under the namespace. Fields that ECS does not know must begin with the pack's module or namespace.

# Expressions

	name  $ecs.field  "text"  12  true  [list]  function(args)  (e)  `odd name`
	e | filter | filter(args)      binds tightest
	a ?? b                         the first that is present
	== != < <= > >= in [..] contains startswith endswith matches "regex" within ["10.0.0.0/8", "private"]
	not, and, or

Absent values make comparisons false, except that x != "a" and not x hold. A bare name is true when
present. Functions: concat(a, …) absent if a part is; join(sep, a, …); if(cond, a, b); first(a, …);
exists(a); add sub mul div (a, b); label("…"); community_id(from, to, protocol, ICMP
type, ICMP code), for flows without ports; zip("data", answers, "ttl", TTLs) an array of objects.

Filters are listed by Filters. Some: lower upper trim before("x") after("x") split(",") regex("(…)")
lookup(table, column) int hex bool ip host port seconds millis micros duration size
time("layout", …, zone) epoch epoch_ms protocol user_name user_domain mail_name mail_domain
basename unless("n/a") nonzero list at(0) pick("Name", "wanted", "Value") pluck("member") get("path") hash_type(sha256).
time takes Go layouts ("2006-01-02 15:04:05") and rfc3339, iso8601, syslog, clf, rfc1123, unix…; an
argument that is no constant is the zone.

# Detection

Each signature is a mapping, all parts of which must hold for the payload behind a syslog header:

	starts: [..]   begins with one     contains: [..]  holds all     any: [..]  holds one
	raw: [..]      the message with its own header holds all        not: [..]  holds none
	app: [sshd, 'postfix/*']           application name of the syslog header
	cef: ['Vendor|Product', 'Vendor|*']     leef: the same
	json: [key, a.b, 'key=value|other', 'key^=prefix', '!absent']
	xml: ['text that it holds']
	columns: {separator: ',', least: 20, most: 130, 3: [TRAFFIC, THREAT]}
	header: any|none|bare|rfc3164|rfc5424   the syslog header that the message has; bare is one
	    without a priority, as files have it
	pairs: N       at least N words of the form key=value
	regex: a linear-time regular expression, the last resort; raw_regex: for the message with its header;
	    both see the first 64 KiB

	sure: true     no other product's message has all of this: the signature is tried before those of all
	    packs, and members of a JSON object behind those that it names are not looked at

A signature with json holds for the first element of an array that split names, too.

Make signatures exact: a message must never go to the wrong vendor's pack. Of several that hold
the first decides: those that are sure, then by the order of their packs, then for a text those that
say how it begins or who wrote it (starts, app, columns, a regex that begins with ^), then by the
names of the packs. That depends on the message alone, and costs the same for ten packs and
for hundreds.

# Messages that others carry

A pack with relay hands the text of that name, or the object or array if it is one, to the pack that detection finds
for it in the Set (Set.Auto, Set.Parser, Set.Register, Set.Explain; Pack.Parser and Pack.Explain know no other packs and
hand nothing on, nor does package parsetest, which tries one pack); the events are that pack's, with its name. They take over what the carrier's
event has and they lack: @timestamp, tags, fields of host.* unless they name another host, of agent.*, cloud.*,
container.*, data_stream.*, log.*, service.*, and of any other set of ECS that they have no field of.
What they cannot take is kept below relay, as relay.docker_log_stream; event.* (but created, ingested and id), message, error.*
and related.* of the carrier are not. event.original is the whole message. Where no pack knows the text, or its pack
refuses it, the carrier's own event stays. A pack for all objects (generic.*) takes no object from a carrier, and with
generic: false no text either. Carriers may stand inside of carriers, 6 deep.

# Rows with a header

In a pipeline the #Fields, #separator, #types … lines of W3C extended and Zeek logs are followed for each stream
of a source, and by Options.HeaderRow the first row of a table. A row behind them comes to a pack as a JSON
object with the columns' names, which detection and the json layer know like any other; header lines are no
events, and event.original is the row. A pack that has no json layer, or that alone knows the row as
it is, gets it so.

# Overlays

A site changes a shipped pack in a file of its own, see Overlay: fields, lookup rows,
signatures and steps before and after those of the pack. LoadWith, CompileWith and
Set.AddOverlay apply it; faults are reported at their place in the overlay.

# Tools

Set.Explain tells for each field of an event which bytes of the message and which line of the
pack made it. JSONSchema, which also stands in pack.schema.json, lets editors complete and check a
pack: begin the file with

	# yaml-language-server: $schema=pack.schema.json

Package parse/parsetest tries a pack on its samples, parse/pack/draft writes the first
version of one from sample lines, parse/pack/grok turns grok patterns into text patterns; all
are commands of examples/penstock, too.
*/
package pack
