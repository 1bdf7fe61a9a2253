package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// TestCurrent holds the generated file against its sources.
func TestCurrent(t *testing.T) {
	want, err := generate(os.DirFS("../../data"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../fields_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	// A checkout may have translated line ends.
	if !bytes.Equal(bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")), want) {
		t.Error("fields_gen.go is not what the generator makes of data: run go generate ./normalize/ecs")
	}
}

func TestIdent(t *testing.T) {
	for path, want := range map[string]string{
		"@timestamp":                      "Timestamp",
		"source.ip":                       "SourceIP",
		"http.response.status_code":       "HTTPResponseStatusCode",
		"tls.server.x509.not_after":       "TLSServerX509NotAfter",
		"client.nat.ip":                   "ClientNATIP",
		"source.as.organization.name":     "SourceASOrganizationName",
		"file.hash.sha256":                "FileHashSHA256",
		"log.syslog.procid":               "LogSyslogProcID",
		"file.macho.sections.var_entropy": "FileMachOSectionsVarEntropy",
	} {
		if got := ident(path); got != want {
			t.Errorf("ident(%q) = %s, want %s", path, got, want)
		}
	}
}

func TestBadTables(t *testing.T) {
	const header = "field,type,array,level\n"
	for _, test := range []struct {
		name, csv, values, want string
	}{
		{"columns", "field,type\na,keyword\n", "{}", "columns"},
		{"type", header + "a,quaternion,,core\n", "{}", `unknown type "quaternion"`},
		{"array", header + "a,keyword,yes,core\n", "{}", "array is"},
		{"level", header + "a,keyword,,custom\n", "{}", "level is"},
		{"twice", header + "a.b_c,keyword,,core\na.b.c,keyword,,core\n", "{}", "constant ABC is also that of a.b_c"},
		{"taken", header + "lookup,keyword,,core\n", "{}", "constant Lookup is also that of a name of the package"},
		{"type prefix", header + "type.name,keyword,,core\n", "{}", "could be a type"},
		{"stray values", header + "a,keyword,,core\n", `{"expected_values":{"b":["x"]}}`, "not in the table"},
		{"two lists", header + "a,keyword,,core\n", `{"expected_values":{"a":["x"]},"allowed_values":{"a":[{"name":"x"}]}}`, "both"},
		{"values", header + "a,keyword,,core\n", `[]`, "values.json"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := generate(fstest.MapFS{
				"ecs-" + version + ".csv":         {Data: []byte(test.csv)},
				"ecs-" + version + "-values.json": {Data: []byte(test.values)},
			})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}
