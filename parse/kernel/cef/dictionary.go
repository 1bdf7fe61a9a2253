package cef

import (
	"iter"
	"slices"
	"strings"
)

// Type is the data type that the standard gives an extension key.
type Type uint8

// The types.
const (
	String    Type = iota
	Integer        // 32 bits
	Long           // 64 bits
	Float          // 32 bits
	Double         // 64 bits
	IP             // an IPv4 or IPv6 address; before revision 26 IPv4 only
	IPv6           // an IPv6 address
	MAC            // six pairs of hexadecimal digits with colons
	Timestamp      // MMM dd yyyy HH:mm:ss and variants, or milliseconds since 1970 UTC
)

func (t Type) String() string {
	switch t {
	case String:
		return "string"
	case Integer:
		return "integer"
	case Long:
		return "long"
	case Float:
		return "float"
	case Double:
		return "double"
	case IP:
		return "ip"
	case IPv6:
		return "ipv6"
	case MAC:
		return "mac"
	case Timestamp:
		return "timestamp"
	}
	return "invalid"
}

// Entry is one key of the standard's dictionaries.
type Entry struct {
	Key      string // as it stands on the wire
	FullName string // the long name, the same as Key where there is no short one
	Type     Type
	Length   int  // most characters of a string; 0: no limit given
	Consumer bool // from the dictionary for consumers: keys that a connector adds
}

// FullName returns the long name and the type of an extension key ("src":
// "sourceAddress", IP). A long name is found as well: some devices send those. Case
// counts.
func FullName(key string) (name string, t Type, ok bool) {
	e, ok := Lookup(key)
	return e.FullName, e.Type, ok
}

// Lookup finds the entry of an extension key by its short or its long name.
func Lookup(key string) (Entry, bool) {
	i, ok := slices.BinarySearchFunc(dictionary[:], key, func(e Entry, k string) int { return strings.Compare(e.Key, k) })
	if ok {
		return dictionary[i], true
	}
	for _, e := range dictionary {
		if e.FullName == key {
			return e, true
		}
	}
	return Entry{}, false
}

// Dictionary yields every entry in the order of its keys.
func Dictionary() iter.Seq[Entry] { return slices.Values(dictionary[:]) }

// dictionary is read-only, in the order of its keys.
var dictionary = [...]Entry{
	{"act", "deviceAction", String, 63, false},
	{"agentDnsDomain", "agentDnsDomain", String, 255, true},
	{"agentNtDomain", "agentNtDomain", String, 255, true},
	{"agentTranslatedAddress", "agentTranslatedAddress", IP, 0, true},
	{"agentTranslatedZoneExternalID", "agentTranslatedZoneExternalID", String, 200, true},
	{"agentTranslatedZoneURI", "agentTranslatedZoneURI", String, 2048, true},
	{"agentZoneExternalID", "agentZoneExternalID", String, 200, true},
	{"agentZoneURI", "agentZoneURI", String, 2048, true},
	{"agt", "agentAddress", IP, 0, true},
	{"ahost", "agentHostName", String, 1023, true},
	{"aid", "agentId", String, 40, true},
	{"amac", "agentMacAddress", MAC, 0, true},
	{"app", "applicationProtocol", String, 31, false},
	{"art", "agentReceiptTime", Timestamp, 0, true},
	{"at", "agentType", String, 63, true},
	{"atz", "agentTimeZone", String, 255, true},
	{"av", "agentVersion", String, 31, true},
	{"c6a1", "deviceCustomIPv6Address1", IPv6, 0, false},
	{"c6a1Label", "deviceCustomIPv6Address1Label", String, 1023, false},
	{"c6a2", "deviceCustomIPv6Address2", IPv6, 0, false},
	{"c6a2Label", "deviceCustomIPv6Address2Label", String, 1023, false},
	{"c6a3", "deviceCustomIPv6Address3", IPv6, 0, false},
	{"c6a3Label", "deviceCustomIPv6Address3Label", String, 1023, false},
	{"c6a4", "deviceCustomIPv6Address4", IPv6, 0, false},
	{"c6a4Label", "deviceCustomIPv6Address4Label", String, 1023, false},
	{"cat", "deviceEventCategory", String, 1023, false},
	{"catdt", "categoryDeviceType", String, 1023, true},
	{"cfp1", "deviceCustomFloatingPoint1", Float, 0, false},
	{"cfp1Label", "deviceCustomFloatingPoint1Label", String, 1023, false},
	{"cfp2", "deviceCustomFloatingPoint2", Float, 0, false},
	{"cfp2Label", "deviceCustomFloatingPoint2Label", String, 1023, false},
	{"cfp3", "deviceCustomFloatingPoint3", Float, 0, false},
	{"cfp3Label", "deviceCustomFloatingPoint3Label", String, 1023, false},
	{"cfp4", "deviceCustomFloatingPoint4", Float, 0, false},
	{"cfp4Label", "deviceCustomFloatingPoint4Label", String, 1023, false},
	{"cn1", "deviceCustomNumber1", Long, 0, false},
	{"cn1Label", "deviceCustomNumber1Label", String, 1023, false},
	{"cn2", "deviceCustomNumber2", Long, 0, false},
	{"cn2Label", "deviceCustomNumber2Label", String, 1023, false},
	{"cn3", "deviceCustomNumber3", Long, 0, false},
	{"cn3Label", "deviceCustomNumber3Label", String, 1023, false},
	{"cnt", "baseEventCount", Integer, 0, false},
	{"cs1", "deviceCustomString1", String, 4000, false},
	{"cs1Label", "deviceCustomString1Label", String, 1023, false},
	{"cs2", "deviceCustomString2", String, 4000, false},
	{"cs2Label", "deviceCustomString2Label", String, 1023, false},
	{"cs3", "deviceCustomString3", String, 4000, false},
	{"cs3Label", "deviceCustomString3Label", String, 1023, false},
	{"cs4", "deviceCustomString4", String, 4000, false},
	{"cs4Label", "deviceCustomString4Label", String, 1023, false},
	{"cs5", "deviceCustomString5", String, 4000, false},
	{"cs5Label", "deviceCustomString5Label", String, 1023, false},
	{"cs6", "deviceCustomString6", String, 4000, false},
	{"cs6Label", "deviceCustomString6Label", String, 1023, false},
	{"customerExternalID", "customerExternalID", String, 200, true},
	{"customerURI", "customerURI", String, 2048, true},
	{"destinationDnsDomain", "destinationDnsDomain", String, 255, false},
	{"destinationServiceName", "destinationServiceName", String, 1023, false},
	{"destinationTranslatedAddress", "destinationTranslatedAddress", IP, 0, false},
	{"destinationTranslatedPort", "destinationTranslatedPort", Integer, 0, false},
	{"destinationTranslatedZoneExternalID", "destinationTranslatedZoneExternalID", String, 200, true},
	{"destinationTranslatedZoneURI", "destinationTranslatedZoneURI", String, 2048, true},
	{"destinationZoneExternalID", "destinationZoneExternalID", String, 200, true},
	{"destinationZoneURI", "destinationZoneURI", String, 2048, true},
	{"deviceCustomDate1", "deviceCustomDate1", Timestamp, 0, false},
	{"deviceCustomDate1Label", "deviceCustomDate1Label", String, 1023, false},
	{"deviceCustomDate2", "deviceCustomDate2", Timestamp, 0, false},
	{"deviceCustomDate2Label", "deviceCustomDate2Label", String, 1023, false},
	{"deviceDirection", "deviceDirection", Integer, 0, false},
	{"deviceDnsDomain", "deviceDnsDomain", String, 255, false},
	{"deviceExternalId", "deviceExternalId", String, 255, false},
	{"deviceFacility", "deviceFacility", String, 1023, false},
	{"deviceInboundInterface", "deviceInboundInterface", String, 128, false},
	{"deviceNtDomain", "deviceNtDomain", String, 255, false},
	{"deviceOutboundInterface", "deviceOutboundInterface", String, 128, false},
	{"devicePayloadId", "devicePayloadId", String, 128, false},
	{"deviceProcessName", "deviceProcessName", String, 1023, false},
	{"deviceTranslatedAddress", "deviceTranslatedAddress", IP, 0, false},
	{"deviceTranslatedZoneExternalID", "deviceTranslatedZoneExternalID", String, 200, true},
	{"deviceTranslatedZoneURI", "deviceTranslatedZoneURI", String, 2048, true},
	{"deviceZoneExternalID", "deviceZoneExternalID", String, 200, true},
	{"deviceZoneURI", "deviceZoneURI", String, 2048, true},
	{"dhost", "destinationHostName", String, 1023, false},
	{"dlat", "destinationGeoLatitude", Double, 0, true},
	{"dlong", "destinationGeoLongitude", Double, 0, true},
	{"dmac", "destinationMacAddress", MAC, 0, false},
	{"dntdom", "destinationNtDomain", String, 255, false},
	{"dpid", "destinationProcessId", Integer, 0, false},
	{"dpriv", "destinationUserPrivileges", String, 1023, false},
	{"dproc", "destinationProcessName", String, 1023, false},
	{"dpt", "destinationPort", Integer, 0, false},
	{"dst", "destinationAddress", IP, 0, false},
	{"dtz", "deviceTimeZone", String, 255, false},
	{"duid", "destinationUserId", String, 1023, false},
	{"duser", "destinationUserName", String, 1023, false},
	{"dvc", "deviceAddress", IP, 0, false},
	{"dvchost", "deviceHostName", String, 100, false},
	{"dvcmac", "deviceMacAddress", MAC, 0, false},
	{"dvcpid", "deviceProcessId", Integer, 0, false},
	{"end", "endTime", Timestamp, 0, false},
	{"eventId", "eventId", Long, 0, true},
	{"externalId", "externalId", String, 40, false},
	{"fileCreateTime", "fileCreateTime", Timestamp, 0, false},
	{"fileHash", "fileHash", String, 255, false},
	{"fileId", "fileId", String, 1023, false},
	{"fileModificationTime", "fileModificationTime", Timestamp, 0, false},
	{"filePath", "filePath", String, 1023, false},
	{"filePermission", "filePermission", String, 1023, false},
	{"fileType", "fileType", String, 1023, false},
	{"flexDate1", "flexDate1", Timestamp, 0, false},
	{"flexDate1Label", "flexDate1Label", String, 128, false},
	{"flexNumber1", "flexNumber1", Long, 0, false},
	{"flexNumber1Label", "flexNumber1Label", String, 128, false},
	{"flexNumber2", "flexNumber2", Long, 0, false},
	{"flexNumber2Label", "flexNumber2Label", String, 128, false},
	{"flexString1", "flexString1", String, 1023, false},
	{"flexString1Label", "flexString1Label", String, 128, false},
	{"flexString2", "flexString2", String, 1023, false},
	{"flexString2Label", "flexString2Label", String, 128, false},
	{"fname", "filename", String, 1023, false},
	{"fsize", "fileSize", Integer, 0, false},
	{"in", "bytesIn", Long, 0, false},
	{"msg", "message", String, 1023, false},
	{"oldFileCreateTime", "oldFileCreateTime", Timestamp, 0, false},
	{"oldFileHash", "oldFileHash", String, 255, false},
	{"oldFileId", "oldFileId", String, 1023, false},
	{"oldFileModificationTime", "oldFileModificationTime", Timestamp, 0, false},
	{"oldFileName", "oldFileName", String, 1023, false},
	{"oldFilePath", "oldFilePath", String, 1023, false},
	{"oldFilePermission", "oldFilePermission", String, 1023, false},
	{"oldFileSize", "oldFileSize", Integer, 0, false},
	{"oldFileType", "oldFileType", String, 1023, false},
	{"out", "bytesOut", Long, 0, false},
	{"outcome", "eventOutcome", String, 63, false},
	{"proto", "transportProtocol", String, 31, false},
	{"rawEvent", "rawEvent", String, 4000, true},
	{"reason", "reason", String, 1023, false},
	{"request", "requestUrl", String, 1023, false},
	{"requestClientApplication", "requestClientApplication", String, 1023, false},
	{"requestContext", "requestContext", String, 2048, false},
	{"requestCookies", "requestCookies", String, 1023, false},
	{"requestMethod", "requestMethod", String, 1023, false},
	{"rt", "deviceReceiptTime", Timestamp, 0, false},
	{"shost", "sourceHostName", String, 1023, false},
	{"slat", "sourceGeoLatitude", Double, 0, true},
	{"slong", "sourceGeoLongitude", Double, 0, true},
	{"smac", "sourceMacAddress", MAC, 0, false},
	{"sntdom", "sourceNtDomain", String, 255, false},
	{"sourceDnsDomain", "sourceDnsDomain", String, 255, false},
	{"sourceServiceName", "sourceServiceName", String, 1023, false},
	{"sourceTranslatedAddress", "sourceTranslatedAddress", IP, 0, false},
	{"sourceTranslatedPort", "sourceTranslatedPort", Integer, 0, false},
	{"sourceTranslatedZoneExternalID", "sourceTranslatedZoneExternalID", String, 200, true},
	{"sourceTranslatedZoneURI", "sourceTranslatedZoneURI", String, 2048, true},
	{"sourceZoneExternalID", "sourceZoneExternalID", String, 200, true},
	{"sourceZoneURI", "sourceZoneURI", String, 2048, true},
	{"spid", "sourceProcessId", Integer, 0, false},
	{"spriv", "sourceUserPrivileges", String, 1023, false},
	{"sproc", "sourceProcessName", String, 1023, false},
	{"spt", "sourcePort", Integer, 0, false},
	{"src", "sourceAddress", IP, 0, false},
	{"start", "startTime", Timestamp, 0, false},
	{"suid", "sourceUserId", String, 1023, false},
	{"suser", "sourceUserName", String, 1023, false},
	{"type", "type", Integer, 0, false},
}
