package netflow

import (
	"strings"
	"sync"
)

// Type is the abstract data type of an information element (RFC 7012, section 3.1).
type Type uint8

// The types. Numbers may be sent with fewer bytes than they have.
const (
	OctetArray   Type = iota // also lists of records, which are kept as they are
	Unsigned                 // up to 64 bits
	Signed                   //
	Float                    // 32 or 64 bits
	Boolean                  // 1 is true, 2 is false
	MacAddress               //
	String                   // UTF-8
	Seconds                  // since 1970, 32 bits; in 64 bits as well
	Milliseconds             // since 1970
	Microseconds             // NTP timestamp
	Nanoseconds              // NTP timestamp
	IPv4Address              //
	IPv6Address              //
	BasicList                // of values of one element (RFC 6313)
)

// Element describes an information element. Elements are constant.
type Element struct {
	ID   uint16
	Type Type
	// Name is the one of the registry, as octetDeltaCount.
	Name string
	// Field is the name in lower case with underscores, as octet_delta_count.
	Field string
}

// MaxElement is the largest ID for which Lookup may know an element.
const MaxElement = 511

// Lookup returns the element of the IANA registry with an ID, or nil. NetFlow v9 uses
// the same numbers.
func Lookup(id uint16) *Element {
	if id > MaxElement {
		return nil
	}
	if e := &iana().byID[id]; e.Name != "" {
		return e
	}
	return nil
}

// LookupCisco returns the element of a NetFlow v9 field type beyond the registry that the
// firewalls of Cisco send (NetFlow Secure Event Logging), or nil.
func LookupCisco(id uint16) *Element { return iana().cisco[id] }

type elements struct {
	byID  [MaxElement + 1]Element
	cisco map[uint16]*Element
}

// iana is read only; it is made at first use.
var iana = sync.OnceValue(func() *elements {
	t := &elements{cisco: map[uint16]*Element{}}
	each(registry, func(e Element) { t.byID[e.ID] = e })
	each(ciscoFirewall, func(e Element) { t.cisco[e.ID] = &e })
	return t
})

// each reads a table of words: a number is the ID of the next name, a name may be
// followed by a colon and the letter of its type, and a hyphen leaves an ID out.
func each(table string, add func(Element)) {
	types := map[string]Type{"": Unsigned, "i": Signed, "f": Float, "b": Boolean, "m": MacAddress, "s": String, "o": OctetArray,
		"S": Seconds, "M": Milliseconds, "U": Microseconds, "N": Nanoseconds, "4": IPv4Address, "6": IPv6Address, "l": BasicList}
	id := uint16(0)
	for word := range strings.FieldsSeq(table) {
		if word[0] >= '0' && word[0] <= '9' {
			id = 0
			for _, c := range word {
				id = 10*id + uint16(c-'0')
			}
			continue
		}
		if word != "-" {
			name, letter, _ := strings.Cut(word, ":")
			add(Element{ID: id, Type: types[letter], Name: name, Field: fieldName(name)})
		}
		id++
	}
}

// fieldName turns a name in mixed case into words with underscores. What follows the
// first of several capitals belongs to it, as do the version and the unit of IPv4, IPv6
// and MilliSeconds.
func fieldName(name string) string {
	name = strings.NewReplacer("IPv4", "Ipv4", "IPv6", "Ipv6", "MilliSeconds", "Milliseconds", "MCast", "Mcast", "VRFname", "Vrfname").Replace(name)
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c < 'A' || c > 'Z' {
			b.WriteByte(c)
			continue
		}
		before := i > 0 && (name[i-1] < 'A' || name[i-1] > 'Z')
		last := i > 0 && !before && i+1 < len(name) && name[i+1] >= 'a' && name[i+1] <= 'z'
		if before || last {
			b.WriteByte('_')
		}
		b.WriteByte(c | 0x20)
	}
	return b.String()
}

// registry is the IANA registry "IPFIX Information Elements", without what is reserved.
const registry = `
1 octetDeltaCount packetDeltaCount deltaFlowCount protocolIdentifier ipClassOfService tcpControlBits sourceTransportPort
sourceIPv4Address:4 sourceIPv4PrefixLength ingressInterface destinationTransportPort destinationIPv4Address:4
destinationIPv4PrefixLength egressInterface ipNextHopIPv4Address:4 bgpSourceAsNumber bgpDestinationAsNumber
bgpNextHopIPv4Address:4 postMCastPacketDeltaCount postMCastOctetDeltaCount flowEndSysUpTime flowStartSysUpTime
postOctetDeltaCount postPacketDeltaCount minimumIpTotalLength maximumIpTotalLength sourceIPv6Address:6
destinationIPv6Address:6 sourceIPv6PrefixLength destinationIPv6PrefixLength flowLabelIPv6 icmpTypeCodeIPv4 igmpType
samplingInterval samplingAlgorithm flowActiveTimeout flowIdleTimeout engineType engineId exportedOctetTotalCount
exportedMessageTotalCount exportedFlowRecordTotalCount ipv4RouterSc:4 sourceIPv4Prefix:4 destinationIPv4Prefix:4
mplsTopLabelType mplsTopLabelIPv4Address:4 samplerId samplerMode samplerRandomInterval classId minimumTTL maximumTTL
fragmentIdentification postIpClassOfService sourceMacAddress:m postDestinationMacAddress:m vlanId postVlanId ipVersion
flowDirection ipNextHopIPv6Address:6 bgpNextHopIPv6Address:6 ipv6ExtensionHeaders
70 mplsTopLabelStackSection:o mplsLabelStackSection2:o mplsLabelStackSection3:o mplsLabelStackSection4:o mplsLabelStackSection5:o
mplsLabelStackSection6:o mplsLabelStackSection7:o mplsLabelStackSection8:o mplsLabelStackSection9:o mplsLabelStackSection10:o
destinationMacAddress:m postSourceMacAddress:m interfaceName:s interfaceDescription:s samplerName:s octetTotalCount
packetTotalCount flagsAndSamplerId fragmentOffset forwardingStatus mplsVpnRouteDistinguisher:o mplsTopLabelPrefixLength
srcTrafficIndex dstTrafficIndex applicationDescription:s applicationId:o applicationName:s - postIpDiffServCodePoint
multicastReplicationFactor className:s classificationEngineId layer2packetSectionOffset layer2packetSectionSize
layer2packetSectionData:o
128 bgpNextAdjacentAsNumber bgpPrevAdjacentAsNumber exporterIPv4Address:4 exporterIPv6Address:6 droppedOctetDeltaCount
droppedPacketDeltaCount droppedOctetTotalCount droppedPacketTotalCount flowEndReason commonPropertiesId observationPointId
icmpTypeCodeIPv6 mplsTopLabelIPv6Address:6 lineCardId portId meteringProcessId exportingProcessId templateId wlanChannelId
wlanSSID:s flowId observationDomainId flowStartSeconds:S flowEndSeconds:S flowStartMilliseconds:M flowEndMilliseconds:M
flowStartMicroseconds:U flowEndMicroseconds:U flowStartNanoseconds:N flowEndNanoseconds:N flowStartDeltaMicroseconds
flowEndDeltaMicroseconds systemInitTimeMilliseconds:M flowDurationMilliseconds flowDurationMicroseconds
observedFlowTotalCount ignoredPacketTotalCount ignoredOctetTotalCount notSentFlowTotalCount notSentPacketTotalCount
notSentOctetTotalCount destinationIPv6Prefix:6 sourceIPv6Prefix:6 postOctetTotalCount postPacketTotalCount flowKeyIndicator
postMCastPacketTotalCount postMCastOctetTotalCount icmpTypeIPv4 icmpCodeIPv4 icmpTypeIPv6 icmpCodeIPv6 udpSourcePort
udpDestinationPort tcpSourcePort tcpDestinationPort tcpSequenceNumber tcpAcknowledgementNumber tcpWindowSize
tcpUrgentPointer tcpHeaderLength ipHeaderLength totalLengthIPv4 payloadLengthIPv6 ipTTL nextHeaderIPv6 mplsPayloadLength
ipDiffServCodePoint ipPrecedence fragmentFlags octetDeltaSumOfSquares octetTotalSumOfSquares mplsTopLabelTTL
mplsLabelStackLength mplsLabelStackDepth mplsTopLabelExp ipPayloadLength udpMessageLength isMulticast ipv4IHL ipv4Options
tcpOptions paddingOctets:o collectorIPv4Address:4 collectorIPv6Address:6 exportInterface exportProtocolVersion
exportTransportProtocol collectorTransportPort exporterTransportPort tcpSynTotalCount tcpFinTotalCount tcpRstTotalCount
tcpPshTotalCount tcpAckTotalCount tcpUrgTotalCount ipTotalLength postNATSourceIPv4Address:4 postNATDestinationIPv4Address:4
postNAPTSourceTransportPort postNAPTDestinationTransportPort natOriginatingAddressRealm natEvent initiatorOctets
responderOctets firewallEvent ingressVRFID egressVRFID VRFname:s postMplsTopLabelExp tcpWindowScale biflowDirection
ethernetHeaderLength ethernetPayloadLength ethernetTotalLength dot1qVlanId dot1qPriority dot1qCustomerVlanId
dot1qCustomerPriority metroEvcId:s metroEvcType pseudoWireId pseudoWireType pseudoWireControlWord ingressPhysicalInterface
egressPhysicalInterface postDot1qVlanId postDot1qCustomerVlanId ethernetType postIpPrecedence collectionTimeMilliseconds:M
exportSctpStreamId maxExportSeconds:S maxFlowEndSeconds:S messageMD5Checksum:o messageScope minExportSeconds:S
minFlowStartSeconds:S opaqueOctets:o sessionScope maxFlowEndMicroseconds:U maxFlowEndMilliseconds:M maxFlowEndNanoseconds:N
minFlowStartMicroseconds:U minFlowStartMilliseconds:M minFlowStartNanoseconds:N collectorCertificate:o exporterCertificate:o
dataRecordsReliability:b observationPointType newConnectionDeltaCount connectionSumDurationSeconds connectionTransactionId
postNATSourceIPv6Address:6 postNATDestinationIPv6Address:6 natPoolId natPoolName:s anonymizationFlags anonymizationTechnique
informationElementIndex p2pTechnology:s tunnelTechnology:s encryptedTechnology:s basicList:l subTemplateList:o
subTemplateMultiList:o bgpValidityState IPSecSPI greKey natType initiatorPackets responderPackets observationDomainName:s
selectionSequenceId selectorId informationElementId selectorAlgorithm samplingPacketInterval samplingPacketSpace
samplingTimeInterval samplingTimeSpace samplingSize samplingPopulation samplingProbability:f dataLinkFrameSize
ipHeaderPacketSection:o ipPayloadPacketSection:o dataLinkFrameSection:o mplsLabelStackSection:o mplsPayloadPacketSection:o
selectorIdTotalPktsObserved selectorIdTotalPktsSelected absoluteError:f relativeError:f observationTimeSeconds:S
observationTimeMilliseconds:M observationTimeMicroseconds:U observationTimeNanoseconds:N digestHashValue hashIPPayloadOffset
hashIPPayloadSize hashOutputRangeMin hashOutputRangeMax hashSelectedRangeMin hashSelectedRangeMax hashDigestOutput:b
hashInitialiserValue selectorName:s upperCILimit:f lowerCILimit:f confidenceLevel:f informationElementDataType
informationElementDescription:s informationElementName:s informationElementRangeBegin informationElementRangeEnd
informationElementSemantics informationElementUnits privateEnterpriseNumber virtualStationInterfaceId:o
virtualStationInterfaceName:s virtualStationUUID:o virtualStationName:s layer2SegmentId layer2OctetDeltaCount
layer2OctetTotalCount ingressUnicastPacketTotalCount ingressMulticastPacketTotalCount ingressBroadcastPacketTotalCount
egressUnicastPacketTotalCount egressBroadcastPacketTotalCount monitoringIntervalStartMilliSeconds:M
monitoringIntervalEndMilliSeconds:M portRangeStart portRangeEnd portRangeStepSize portRangeNumPorts staMacAddress:m
staIPv4Address:4 wtpMacAddress:m ingressInterfaceType egressInterfaceType rtpSequenceNumber userName:s
applicationCategoryName:s applicationSubCategoryName:s applicationGroupName:s originalFlowsPresent originalFlowsInitiated
originalFlowsCompleted distinctCountOfSourceIPAddress distinctCountOfDestinationIPAddress distinctCountOfSourceIPv4Address
distinctCountOfDestinationIPv4Address distinctCountOfSourceIPv6Address distinctCountOfDestinationIPv6Address
valueDistributionMethod rfc3550JitterMilliseconds rfc3550JitterMicroseconds rfc3550JitterNanoseconds dot1qDEI:b
dot1qCustomerDEI:b flowSelectorAlgorithm flowSelectedOctetDeltaCount flowSelectedPacketDeltaCount flowSelectedFlowDeltaCount
selectorIDTotalFlowsObserved selectorIDTotalFlowsSelected samplingFlowInterval samplingFlowSpacing flowSamplingTimeInterval
flowSamplingTimeSpacing hashFlowDomain transportOctetDeltaCount transportPacketDeltaCount originalExporterIPv4Address:4
originalExporterIPv6Address:6 originalObservationDomainId intermediateProcessId ignoredDataRecordTotalCount
dataLinkFrameType sectionOffset sectionExportedOctets dot1qServiceInstanceTag:o dot1qServiceInstanceId
dot1qServiceInstancePriority dot1qCustomerSourceMacAddress:m dot1qCustomerDestinationMacAddress:m -
postLayer2OctetDeltaCount postMCastLayer2OctetDeltaCount - postLayer2OctetTotalCount postMCastLayer2OctetTotalCount
minimumLayer2TotalLength maximumLayer2TotalLength droppedLayer2OctetDeltaCount droppedLayer2OctetTotalCount
ignoredLayer2OctetTotalCount notSentLayer2OctetTotalCount layer2OctetDeltaSumOfSquares layer2OctetTotalSumOfSquares
layer2FrameDeltaCount layer2FrameTotalCount pseudoWireDestinationIPv4Address:4 ignoredLayer2FrameTotalCount
mibObjectValueInteger:i mibObjectValueOctetString:o mibObjectValueOID:o mibObjectValueBits:o mibObjectValueIPAddress:4
mibObjectValueCounter mibObjectValueGauge mibObjectValueTimeTicks mibObjectValueUnsigned mibObjectValueTable:o
mibObjectValueRow:o mibObjectIdentifier:o mibSubIdentifier mibIndexIndicator mibCaptureTimeSemantics mibContextEngineID:o
mibContextName:s mibObjectName:s mibObjectDescription:s mibObjectSyntax:s mibModuleName:s mobileIMSI:s mobileMSISDN:s
httpStatusCode sourceTransportPortsLimit httpRequestMethod:s httpRequestHost:s httpRequestTarget:s httpMessageVersion:s
natInstanceID internalAddressRealm:o externalAddressRealm:o natQuotaExceededEvent natThresholdEvent httpUserAgent:s
httpContentType:s httpReasonPhrase:s maxSessionEntries maxBIBEntries maxEntriesPerUser maxSubscribers
maxFragmentsPendingReassembly addressPoolHighThreshold addressPoolLowThreshold addressPortMappingHighThreshold
addressPortMappingLowThreshold addressPortMappingPerUserHighThreshold globalAddressMappingHighThreshold vpnIdentifier:o
bgpCommunity bgpSourceCommunityList:l bgpDestinationCommunityList:l bgpExtendedCommunity:o bgpSourceExtendedCommunityList:l
bgpDestinationExtendedCommunityList:l bgpLargeCommunity:o bgpSourceLargeCommunityList:l bgpDestinationLargeCommunityList:l
srhFlagsIPv6 srhTagIPv6 srhSegmentIPv6:6 srhActiveSegmentIPv6:6 srhSegmentIPv6BasicList:l srhSegmentIPv6ListSection:o
srhSegmentsIPv6Left srhIPv6Section:o srhIPv6ActiveSegmentType srhSegmentIPv6LocatorLength srhSegmentIPv6EndpointBehavior`

// ciscoFirewall are field types of NetFlow v9 that Cisco documents for the secure event
// logging of its ASA.
const ciscoFirewall = `33000 ingressAclId:o egressAclId:o fwExtEvent
40000 username:s xlateSrcAddrIPv4:4 xlateDstAddrIPv4:4 xlateSrcPort xlateDstPort fwEvent`
