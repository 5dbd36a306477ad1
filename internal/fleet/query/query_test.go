package query

import (
	"strings"
	"testing"
	"time"
)

// The examples of the ECS developer guide (cluster-query-language and
// task-placement-constraints), each with instances that the text says it selects or does not.
func TestExamplesOfTheDeveloperGuide(t *testing.T) {
	with := func(pairs ...string) Instance {
		i := Instance{Attributes: map[string]string{}}
		for n := 0; n < len(pairs); n += 2 {
			i.Attributes[pairs[n]] = pairs[n+1]
		}
		return i
	}
	groups := func(names ...string) Instance { return Instance{Groups: names, RunningTasks: len(names)} }
	const kind, zone = "ecs.instance-type", "ecs.availability-zone"
	for _, c := range []struct {
		text    string
		yes, no []Instance
	}{
		{"attribute:ecs.instance-type == t2.small", []Instance{with(kind, "t2.small")}, []Instance{with(kind, "t2.medium"), with()}},
		{
			"attribute:ecs.availability-zone in [us-east-1a, us-east-1b]",
			[]Instance{with(zone, "us-east-1a"), with(zone, "us-east-1b")},
			[]Instance{with(zone, "us-east-1c"), with()},
		},
		{"attribute:ecs.instance-type =~ g2.* and attribute:ecs.availability-zone != us-east-1d",
			[]Instance{with(kind, "g2.2xlarge", zone, "us-east-1a")},
			[]Instance{with(kind, "g2.2xlarge", zone, "us-east-1d"), with(kind, "t2.small", zone, "us-east-1a")}},
		{
			"task:group == service:production",
			[]Instance{groups("service:production"), groups("x", "service:production")},
			[]Instance{groups("x"), groups()},
		},
		{"not(task:group == database)", []Instance{groups("x"), groups()}, []Instance{groups("database"), groups("x", "database")}},
		{"runningTasksCount == 1", []Instance{groups("x")}, []Instance{groups(), groups("x", "y")}},
		{
			"agentVersion < 1.14.5",
			[]Instance{{AgentVersion: "1.14.4"}, {AgentVersion: "1.9.10"}, {AgentVersion: "1.14"}},
			[]Instance{{AgentVersion: "1.14.5"}, {AgentVersion: "1.105.1"}},
		},
		{
			"registeredAt < 2018-02-13",
			[]Instance{{RegisteredAt: day(2018, 2, 12)}},
			[]Instance{{RegisteredAt: day(2018, 2, 13)}, {RegisteredAt: day(2020, 1, 1)}},
		},
		{"ec2InstanceId in ['i-abcd1234', 'i-wxyx7890']", []Instance{{EC2InstanceID: "i-wxyx7890"}}, []Instance{{EC2InstanceID: "i-0"}}},
		{"attribute:stack == prod", []Instance{with("stack", "prod")}, []Instance{with("stack", "test"), with()}},
		// "lists the instances with the custom attribute stack unless the attribute value is prod"
		{"attribute:stack != prod", []Instance{with("stack", "test")}, []Instance{with("stack", "prod"), with()}},
		{"attribute:ecs.instance-type in [t2.small, t2.medium]", []Instance{with(kind, "t2.medium")}, []Instance{with(kind, "t2.large")}},
		{"attribute:ecs.instance-type =~ t2.* and attribute:ecs.availability-zone == us-east-1a",
			[]Instance{with(kind, "t2.nano", zone, "us-east-1a")}, []Instance{with(kind, "t3.nano", zone, "us-east-1a")}},
		{"task:group == databases", []Instance{groups("databases")}, []Instance{groups()}},
		{"agentConnected == true", []Instance{{AgentConnected: true}}, []Instance{{}}},
		// The operators' other spellings, from the table of operators.
		{"attribute:a equals x", []Instance{with("a", "x")}, []Instance{with("a", "y")}},
		{"attribute:a not_equals x", []Instance{with("a", "y")}, []Instance{with("a", "x")}},
		{"attribute:a exists", []Instance{with("a", "")}, []Instance{with("b", "")}},
		{"attribute:a !exists", []Instance{with("b", "")}, []Instance{with("a", "")}},
		{"attribute:a not_exists", []Instance{with("b", "")}, []Instance{with("a", "")}},
		{"attribute:a not_in [x, y]", []Instance{with("a", "z")}, []Instance{with("a", "x")}},
		{"attribute:a !in [x]", []Instance{with("a", "z")}, []Instance{with("a", "x")}},
		{"attribute:a matches x.*", []Instance{with("a", "xy")}, []Instance{with("a", "z")}},
		{"attribute:a !~ x.*", []Instance{with("a", "z")}, []Instance{with("a", "xy")}},
		{"attribute:a=~x.*", []Instance{with("a", "xy")}, []Instance{with("a", "z")}},
		{"attribute:a not_matches x.*", []Instance{with("a", "z")}, []Instance{with("a", "xy")}},
		{"runningTasksCount greater_than_equal 1", []Instance{groups("x")}, []Instance{groups()}},
		{"runningTasksCount less_than 1", []Instance{groups()}, []Instance{groups("x")}},
		{"runningTasksCount > 0", []Instance{groups("x")}, []Instance{groups()}},
		{"runningTasksCount <= 0", []Instance{groups()}, []Instance{groups("x")}},
		{
			"(attribute:a == x or attribute:a == y) and attribute:b == z",
			[]Instance{with("a", "y", "b", "z")},
			[]Instance{with("a", "y"), with("b", "z")},
		},
		{"!(attribute:a==x)&&(attribute:b==z||attribute:b==w)", []Instance{with("b", "w")}, []Instance{with("a", "x", "b", "w")}},
		{
			"registeredAt >= 2018-06-18T22:28:28",
			[]Instance{{RegisteredAt: time.Date(2018, 6, 18, 22, 28, 28, 0, time.UTC)}},
			[]Instance{{RegisteredAt: day(2018, 6, 18)}},
		},
		{
			"registeredAt == 2018-06-18T22:28:28+00:00",
			[]Instance{{RegisteredAt: time.Date(2018, 6, 18, 22, 28, 28, 0, time.UTC)}},
			[]Instance{{RegisteredAt: day(2018, 6, 18)}},
		},
		{"attribute:a == 'two words'", []Instance{with("a", "two words")}, []Instance{with("a", "two")}},
		{"attribute:a =~ (t2|t3)[.]x( or )?.*", []Instance{with("a", "t3.xlarge")}, []Instance{with("a", "m5.xlarge")}},
	} {
		e, err := Parse(c.text)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		for _, i := range c.yes {
			if a := e.Match(i); a.Is != Yes {
				t.Errorf("%s: %+v is %v %s, want yes", c.text, i, a.Is, a.Why)
			}
		}
		for _, i := range c.no {
			if a := e.Match(i); a.Is != No {
				t.Errorf("%s: %+v is %v %s, want no", c.text, i, a.Is, a.Why)
			}
		}
	}
}

func day(year, month, day int) time.Time {
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
}

// What the developer guide leaves open is unknown, where the possible meanings differ.
func TestWhatAWSDoesNotDocumentIsUnknown(t *testing.T) {
	a := func(value string) Instance { return Instance{Attributes: map[string]string{"a": value}} }
	groups := func(names ...string) Instance { return Instance{Groups: names, RunningTasks: len(names)} }
	for _, c := range []struct {
		text string
		of   Instance
		is   Truth
		why  string
	}{
		{"attribute:a !in [x]", Instance{}, Unknown, "no attribute a"},
		{"attribute:a !~ x.*", Instance{}, Unknown, "no attribute a"},
		{"attribute:a > 9", a("10"), Unknown, "numbers or as text"},
		{"attribute:a > 10", a("20"), Yes, ""},
		{"attribute:a > m", a("n"), Yes, ""},
		{"attribute:a =~ t2", a("t2.small"), Unknown, "a part of"},
		{"attribute:a !~ t2", a("t2.small"), Unknown, "a part of"},
		{"attribute:a =~ t2", a("m5.small"), No, ""},
		{"attribute:a =~ (?=t2).*", a("t2.small"), Unknown, "regular expression"},
		{"attribute:a =~ [a-z&&[^x]]", a("b"), Unknown, "Java's character classes"},
		{"task:group != x", groups("x", "y"), Unknown, "several groups"},
		{"task:group != x", groups(), Unknown, "runs no task"},
		{"task:group != x", groups("x"), No, ""},
		{"task:group != x", groups("y"), Yes, ""},
		{"task:group > x", groups("y"), Unknown, "order"},
		{"task:group == x", Instance{TasksUnknown: "ecs:ListTasks is not allowed"}, Unknown, "ecs:ListTasks is not allowed"},
		{"runningTasksCount == 0", Instance{TasksUnknown: "not read"}, Unknown, "not read"},
		{"agentVersion > 1.2.3", Instance{}, Unknown, "version"},
		{"registeredAt > 2018-01-01", Instance{}, Unknown, "not known"},
		{"ec2InstanceId == i-1", Instance{}, Unknown, "not known"},
		{"attribute:a == 1 or attribute:a == 2 and attribute:b == 3", a("1"), Unknown, "precedence"},
		{"attribute:a == 9 or attribute:a == 2 and attribute:b == 3", a("1"), No, ""},
		// One side decides, although the other is unknown.
		{"attribute:a == 1 or agentVersion > 1.2.3", a("1"), Yes, ""},
		{"attribute:a == 2 and agentVersion > 1.2.3", a("1"), No, ""},
		{"not(agentVersion > 1.2.3)", a("1"), Unknown, "version"},
	} {
		e, err := Parse(c.text)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		got := e.Match(c.of)
		if got.Is != c.is || !strings.Contains(got.Why, c.why) || (got.Why == "") != (c.is != Unknown) {
			t.Errorf("%s of %+v: %v %q, want %v %q", c.text, c.of, got.Is, got.Why, c.is, c.why)
		}
	}
}

func TestAnExpressionThatCannotBeParsedNamesItsTextAndPlace(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "character 1: expected a subject",
		"attribute:a":              "expected an operator",
		"attribute:a ==":           "expected an argument",
		"attribute: == x":          "name of an attribute",
		"attribute == x":           "not a subject",
		"zone == a":                `character 1: "zone" is not a subject`,
		"attribute:a == x y":       `unexpected "y"`,
		"(attribute:a == x":        "expected )",
		"attribute:a in x":         "expected a list",
		"attribute:a in [x":        "expected , or ]",
		"attribute:a in []":        "expected an argument",
		"attribute:a == 'x":        "quote is not closed",
		"attribute:a === x":        "expected an argument",
		"ec2InstanceId > i-1":      "no operator > for ec2InstanceId",
		"agentVersion =~ 1.*":      "no operator =~ for agentVersion",
		"agentVersion > latest":    "not a version",
		"registeredAt > yesterday": "not a date",
		"runningTasksCount > few":  "not a number",
		"attribute:a == x AND b":   `unexpected "AND b"`,
		"attribute:a == x and":     "expected a subject",
		"attribute:a =~":           "expected a regular expression",
		strings.Repeat("(", 150):   "nested more than 100",
		strings.Repeat("!", 150):   "nested more than 100",
		strings.Repeat("attribute:a exists and ", 100) + "attribute:a exists": "longer than 2000",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "cannot parse the expression") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestDependsOnTasks(t *testing.T) {
	for text, want := range map[string]bool{
		"attribute:a exists":                               false,
		"attribute:a exists and not(task:group == x)":      true,
		"runningTasksCount < 3":                            true,
		"agentVersion > 1.2.3 or ec2InstanceId == 'i-001'": false,
	} {
		e, err := Parse(text)
		if err != nil || e.DependsOnTasks() != want {
			t.Errorf("%s: %v, %v", text, e, err)
		}
	}
}

// FuzzParse: whatever the text is, there is an answer, it is the same twice, and "not" of it is
// its opposite.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"attribute:ecs.instance-type =~ g2.* and attribute:ecs.availability-zone != us-east-1d",
		"not(task:group == database) || runningTasksCount < 3", "ec2InstanceId in ['i-1', \"i-2\"]",
		"registeredAt < 2018-02-13 && agentVersion >= 1.14.5", "attribute:a !exists or !(agentConnected == true)",
		"attribute:a =~ (a|b)[)] && attribute:b !in [x,y]", "attribute:a =~ \\", "!!attribute:a > 1",
	} {
		f.Add(text)
	}
	instances := []Instance{
		{},
		{EC2InstanceID: "i-1", AgentConnected: true, AgentVersion: "1.105.1", RegisteredAt: day(2020, 1, 1), RunningTasks: 2,
			Attributes: map[string]string{"a": "10", "b": "x", "ecs.instance-type": "g2.large"}, Groups: []string{"database", "x"}},
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil {
			if !strings.Contains(err.Error(), "cannot parse the expression") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		opposite := negation{e.root}
		for _, i := range instances {
			a, again, not := e.Match(i), e.Match(i), opposite.match(i)
			if a != again || (a.Is == Unknown) != (a.Why != "") {
				t.Errorf("%q: %+v, %+v", text, a, again)
			}
			if a.Is == Yes && not.Is != No || a.Is == No && not.Is != Yes || a.Is == Unknown && not.Is != Unknown {
				t.Errorf("%q is %v, and not of it %v", text, a.Is, not.Is)
			}
		}
	})
}
