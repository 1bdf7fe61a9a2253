package main

import "time"

// cloudtrail writes one record a line, keys in the order in which AWS writes them.
func (g *gen) cloudtrail() {
	call := [...][3]string{
		{"ec2.amazonaws.com", "DescribeInstances", "true"}, {"s3.amazonaws.com", "GetObject", "true"}, {"iam.amazonaws.com", "CreateAccessKey", "false"},
		{"sts.amazonaws.com", "AssumeRole", "true"}, {"kms.amazonaws.com", "GenerateDataKey", "true"}, {"signin.amazonaws.com", "ConsoleLogin", "false"},
		{"ec2.amazonaws.com", "StopInstances", "false"}, {"lambda.amazonaws.com", "Invoke20150331", "false"},
	}[g.n(8)]
	account := "7" // one account and one user a record, in several places
	mark := len(g.buf)
	g.digits(11)
	account += string(g.buf[mark:])
	g.buf = g.buf[:mark]
	user := g.people[g.n(len(g.people))]
	principal := mark
	g.s("AROA").base32(17)
	id := string(g.buf[principal:])
	g.buf = g.buf[:mark]
	region := [...]string{"us-east-1", "us-west-2", "eu-north-1", "eu-central-1", "ap-northeast-1"}[g.n(5)]

	g.s(`{"eventVersion":"1.10","userIdentity":{"type":"`).any("AssumedRole", "IAMUser", "Root").s(`","principalId":"`).s(id).s(":").s(user).s(`","arn":"arn:aws:sts::`).s(account).s(":assumed-role/").word().s("/").s(user).
		s(`","accountId":"`).s(account).s(`","accessKeyId":"ASIA`).base32(16).s(`","userName":"`).s(user).s(`","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"`).s(id).
		s(`","arn":"arn:aws:iam::`).s(account).s(":role/").word().s(`","accountId":"`).s(account).s(`","userName":"`).word().s(`"},"attributes":{"creationDate":"`)
	g.buf = g.now.Add(-time.Hour).AppendFormat(g.buf, time.RFC3339)
	g.s(`","mfaAuthenticated":"`).any("true", "false").s(`"}}},"eventTime":"`).time(time.RFC3339).s(`","eventSource":"`).s(call[0]).s(`","eventName":"`).s(call[1]).s(`","awsRegion":"`).s(region).
		s(`","sourceIPAddress":"`).public().s(`","userAgent":"`).agent().s(`",`)
	if g.n(5) == 0 {
		g.s(`"errorCode":"`).any("AccessDenied", "Client.UnauthorizedOperation", "ThrottlingException").s(`","errorMessage":"User: arn:aws:sts::`).s(account).s(":assumed-role/").s(user).s(` is not authorized to perform: \"`).s(call[1]).s(`\" on resource: `).word().s(`",`)
	}
	g.s(`"requestParameters":{"bucketName":"`).word().s("-").word().s(`","Host":"`).word().s(`.s3.amazonaws.com","filterSet":{"items":[{"name":"tag:`).word().s(`","valueSet":{"items":[{"value":"`).word().s(`"},{"value":"`).word().s(`"}]}}]},"maxResults":`).upto(1000).
		s(`},"responseElements":null,"additionalEventData":{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":`).upto(9999).s(`,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"`).hex(60).s(`=","bytesTransferredOut":`).upto(99999).
		s(`},"requestID":"`).uuid().s(`","eventID":"`).uuid().s(`","readOnly":`).s(call[2]).s(`,"resources":[{"accountId":"`).s(account).s(`","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::`).word().s("-").word().
		s(`"}],"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"`).s(account).s(`","eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"`).s(call[0]).s(`"}}`)
}

// logon is what a Windows logon event of either form says.
type logon struct {
	failed         bool
	host, domain   string
	user, subject  string
	process, logon string
}

func (g *gen) logon() logon {
	return logon{
		failed: g.n(4) == 0, host: g.hosts[g.n(len(g.hosts))], user: g.people[g.n(len(g.people))], subject: g.hosts[g.n(len(g.hosts))],
		domain:  [...]string{"CONTOSO", "NORTH", "SOUTH", "LAB"}[g.n(4)],
		process: [...]string{"svchost.exe", "winlogon.exe", "lsass.exe", "services.exe"}[g.n(4)],
		logon:   [...]string{"2", "3", "5", "7", "10"}[g.n(5)],
	}
}

func (l *logon) id() string {
	if l.failed {
		return "4625"
	}
	return "4624"
}

func (g *gen) source() *gen {
	if g.n(10) == 0 {
		return g.s("2001:db8:").d(1 + g.n(9)).hex(3).s("::").d(1 + g.n(9)).hex(3)
	}
	return g.public()
}

// winjson writes logons as Winlogbeat sends them.
func (g *gen) winjson() {
	l := g.logon()
	outcome, action := "success", "logged-in"
	if l.failed {
		outcome, action = "failure", "logon-failed"
	}
	at := len(g.buf)
	g.source()
	address := string(g.buf[at:])
	g.buf = g.buf[:at]
	g.port()
	port := string(g.buf[at:])
	g.buf = g.buf[:at]
	g.s(`{"@timestamp":"`).time("2006-01-02T15:04:05.000Z").s(`","event":{"action":"`).s(action).s(`","code":"`).s(l.id()).s(`","kind":"event","outcome":"`).s(outcome).s(`","provider":"Microsoft-Windows-Security-Auditing"},"host":{"name":"`).s(l.host).
		s(`.contoso.example"},"log":{"level":"information"},"message":"An account was successfully logged on.\n\nSubject:\n\tSecurity ID:\t\tS-1-5-18\n\tAccount Name:\t\t`).s(l.subject).s(`$\n\nNew Logon:\n\tAccount Name:\t\t`).s(l.user).s(`\n\tAccount Domain:\t\t`).s(l.domain).
		s(`\n\nNetwork Information:\n\tSource Network Address:\t`).s(address).s(`\n\tSource Port:\t\t`).s(port).s(`","winlog":{"channel":"Security","computer_name":"`).s(l.host).s(`.contoso.example","event_data":{"AuthenticationPackageName":"Negotiate",`)
	if l.failed {
		g.s(`"FailureReason":"%%2313",`)
	}
	g.s(`"IpAddress":"`).s(address).s(`","IpPort":"`).s(port).s(`","LogonGuid":"`).guid().s(`","LogonProcessName":"`).any("Kerberos", "NtLmSsp", "User32", "Advapi").s(`","LogonType":"`).s(l.logon).s(`","ProcessId":"0x`).hex(4).s(`","ProcessName":"C:\\Windows\\System32\\`).s(l.process)
	if l.failed {
		g.s(`","Status":"0xc000006d","SubStatus":"`).any("0xc000006a", "0xc0000064", "0xc0000234")
	}
	g.s(`","SubjectDomainName":"`).s(l.domain).s(`","SubjectLogonId":"0x3e7","SubjectUserName":"`).s(l.subject).s(`$","SubjectUserSid":"S-1-5-18","TargetDomainName":"`).s(l.domain).s(`","TargetLogonId":"0x`).hex(8).s(`","TargetUserName":"`).s(l.user).
		s(`","TargetUserSid":"S-1-5-21-`).upto(1 << 31).s("-").upto(1 << 31).s("-").upto(1 << 31).s("-").upto(9999).s(`","WorkstationName":"`).host().s(`"},"event_id":"`).s(l.id()).s(`","keywords":["Audit `).s(outcome).s(`"],"opcode":"Info","process":{"pid":`).d(400 + g.n(9000)).s(`,"thread":{"id":`).d(400 + g.n(9000)).
		s(`}},"provider_guid":"{54849625-5478-4994-A5BA-3E3B0328C30D}","provider_name":"Microsoft-Windows-Security-Auditing","record_id":`).upto(1 << 31).s(`,"task":"Logon"}}`)
}

// winxml writes logons as Windows renders them.
func (g *gen) winxml() {
	l := g.logon()
	keywords := "0x8020000000000000"
	if l.failed {
		keywords = "0x8010000000000000"
	}
	data := func(name string) *gen { return g.s("</Data><Data Name='").s(name).s("'>") }
	g.s("<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Microsoft-Windows-Security-Auditing' Guid='{54849625-5478-4994-A5BA-3E3B0328C30D}'/><EventID>").s(l.id()).
		s("</EventID><Version>2</Version><Level>0</Level><Task>12544</Task><Opcode>0</Opcode><Keywords>").s(keywords).s("</Keywords><TimeCreated SystemTime='").time("2006-01-02T15:04:05.0000000Z").
		s("'/><EventRecordID>").upto(1 << 31).s("</EventRecordID><Correlation ActivityID='").guid().s("'/><Execution ProcessID='").d(400 + g.n(9000)).s("' ThreadID='").d(400 + g.n(9000)).
		s("'/><Channel>Security</Channel><Computer>").s(l.host).s(".contoso.example</Computer><Security/></System><EventData><Data Name='SubjectUserSid'>S-1-5-18")
	data("SubjectUserName").s(l.subject).s("$")
	data("SubjectDomainName").s(l.domain)
	data("SubjectLogonId").s("0x3e7")
	data("TargetUserSid").s("S-1-5-21-").upto(1 << 31).s("-").upto(1 << 31).s("-").upto(1 << 31).s("-").upto(9999)
	data("TargetUserName").s(l.user)
	data("TargetDomainName").any("R&amp;D", "CONTOSO", "NORTH")
	if l.failed {
		data("Status").s("0xc000006d")
		data("FailureReason").s("%%2313")
		data("SubStatus").any("0xc000006a", "0xc0000064", "0xc0000234")
	} else {
		data("TargetLogonId").s("0x").hex(8)
	}
	data("LogonType").s(l.logon)
	data("LogonProcessName").any("Kerberos", "NtLmSsp ", "User32 ", "Advapi  ")
	data("AuthenticationPackageName").s("Negotiate")
	data("WorkstationName").host()
	data("LogonGuid").guid()
	data("TransmittedServices").s("-")
	data("LmPackageName").s("-")
	data("KeyLength").s("0")
	data("ProcessId").s("0x").hex(4)
	data("ProcessName").s(`C:\Windows\System32\`).s(l.process)
	data("IpAddress").source()
	data("IpPort").port()
	g.s("</Data></EventData></Event>")
}
