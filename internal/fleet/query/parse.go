package query

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Limits of the parser. ECS accepts expressions of up to 2,000 characters (API reference, PlacementConstraint).
const (
	maxLength = 2000
	maxDepth  = 100
)

// operator is the short form of an operator.
type operator string

const (
	equals       operator = "=="
	notEquals    operator = "!="
	greater      operator = ">"
	greaterEqual operator = ">="
	less         operator = "<"
	lessEqual    operator = "<="
	exists       operator = "exists"
	notExists    operator = "!exists"
	in           operator = "in"
	notIn        operator = "!in"
	matches      operator = "=~"
	notMatches   operator = "!~"
)

// spellings lists the spellings of the operators. A longer spelling comes before its own prefixes.
var spellings = []struct {
	text string
	op   operator
}{
	{"==", equals}, {"!=", notEquals}, {">=", greaterEqual}, {"<=", lessEqual}, {"=~", matches}, {"!~", notMatches},
	{">", greater}, {"<", less}, {"!exists", notExists}, {"!in", notIn},
	{"not_equals", notEquals}, {"equals", equals}, {"greater_than_equal", greaterEqual}, {"greater_than", greater},
	{"less_than_equal", lessEqual}, {"less_than", less}, {"not_exists", notExists}, {"exists", exists},
	{"not_in", notIn}, {"in", in}, {"not_matches", notMatches}, {"matches", matches},
}

var (
	textual = []operator{equals, notEquals, in, notIn, matches, notMatches}
	ordered = []operator{equals, notEquals, greater, greaterEqual, less, lessEqual}
	every   = []operator{equals, notEquals, greater, greaterEqual, less, lessEqual, exists, notExists, in, notIn, matches, notMatches}
)

// The subjects, each with the operators that the developer guide lists for it. It lists none for attribute and
// task:group, so every operator is accepted.
const (
	agentConnected = "agentConnected"
	agentVersion   = "agentVersion"
	attribute      = "attribute"
	ec2InstanceID  = "ec2InstanceId"
	registeredAt   = "registeredAt"
	runningTasks   = "runningTasksCount"
	taskGroup      = "task:group"
)

var subjects = map[string][]operator{
	agentConnected: textual, agentVersion: ordered, attribute: every, ec2InstanceID: textual,
	registeredAt: ordered, runningTasks: ordered, taskGroup: every,
}

// Error means that muster cannot parse an expression. ECS may still accept it.
type Error struct {
	Text string // the whole expression
	At   int    // offset in bytes
	Why  string
}

func (e *Error) Error() string {
	return fmt.Sprintf("cannot parse the expression %q at character %d: %s", e.Text, e.At+1, e.Why)
}

// Parse parses an expression. Its errors have the type *Error.
func Parse(text string) (*Expr, error) {
	p := &parser{text: text}
	root, err := p.expression(0)
	if err == nil && p.skip() < len(text) {
		err = fmt.Errorf("unexpected %q", p.rest())
	}
	if len(text) > maxLength {
		p.at, err = maxLength, fmt.Errorf("it is longer than %d characters", maxLength)
	}
	if err != nil {
		return nil, &Error{text, p.at, err.Error()}
	}
	return &Expr{text: text, root: root, dynamic: p.dynamic}, nil
}

type parser struct {
	text    string
	at      int
	dynamic bool
}

// skip skips white space and returns the position.
func (p *parser) skip() int {
	for p.at < len(p.text) && isSpace(p.text[p.at]) {
		p.at++
	}
	return p.at
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (p *parser) rest() string { return p.text[p.at:min(len(p.text), p.at+20)] }

// take consumes a symbol if it comes next.
func (p *parser) take(symbol string) bool {
	p.skip()
	if strings.HasPrefix(p.text[p.at:], symbol) {
		p.at += len(symbol)
		return true
	}
	return false
}

// word consumes a keyword if it comes next and is not part of a longer word.
func (p *parser) word(keyword string) bool {
	p.skip()
	after := p.at + len(keyword)
	if !strings.HasPrefix(p.text[p.at:], keyword) || after < len(p.text) && !endsWord(p.text[after]) {
		return false
	}
	p.at = after
	return true
}

func endsWord(c byte) bool { return isSpace(c) || strings.IndexByte("()[],=!<>&|~'\"", c) >= 0 }

func (p *parser) expression(depth int) (node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it is nested more than %d levels", maxDepth)
	}
	var c chain
	for {
		operand, err := p.operand(depth)
		if err != nil {
			return nil, err
		}
		c.operands = append(c.operands, operand)
		switch {
		case p.take("&&"), p.word("and"):
			c.and = append(c.and, true)
		case p.take("||"), p.word("or"):
			c.and = append(c.and, false)
		default:
			return c, nil
		}
	}
}

func (p *parser) operand(depth int) (node, error) {
	switch {
	case p.word("not"), p.take("!"):
		if depth > maxDepth {
			return nil, fmt.Errorf("it is nested more than %d levels", maxDepth)
		}
		of, err := p.operand(depth + 1)
		return negation{of}, err
	case p.take("("):
		inner, err := p.expression(depth + 1)
		if err == nil && !p.take(")") {
			err = errors.New("expected )")
		}
		return inner, err
	}
	return p.comparison()
}

func (p *parser) comparison() (node, error) {
	begin := p.skip()
	c := &comparison{}
	subject := p.plain()
	switch name, is := strings.CutPrefix(subject, attribute+":"); {
	case is && name == "":
		return nil, errors.New("expected the name of an attribute after \"attribute:\"")
	case is:
		c.subject, c.name = attribute, name
	case subject == "":
		return nil, fmt.Errorf("expected a subject, such as attribute:ecs.instance-type, not %q", p.rest())
	default:
		c.subject = subject
	}
	allowed, known := subjects[c.subject]
	if !known || subject == attribute {
		p.at = begin
		return nil, fmt.Errorf("%q is not a subject that AWS documents", subject)
	}
	if c.op = p.operator(); c.op == "" {
		return nil, fmt.Errorf("expected an operator, such as ==, not %q", p.rest())
	}
	if !slices.Contains(allowed, c.op) {
		return nil, fmt.Errorf("AWS documents no operator %s for %s", c.op, c.subject)
	}
	p.dynamic = p.dynamic || c.subject == taskGroup || c.subject == runningTasks
	return c, p.arguments(c)
}

func (p *parser) operator() operator {
	for _, s := range spellings {
		last := s.text[len(s.text)-1]
		isWord := 'a' <= last && last <= 'z'
		if isWord && p.word(s.text) || !isWord && p.take(s.text) {
			return s.op
		}
	}
	return ""
}

// plain parses a subject, or an argument without quotes.
func (p *parser) plain() string {
	begin := p.skip()
	for p.at < len(p.text) && !endsWord(p.text[p.at]) {
		p.at++
	}
	return p.text[begin:p.at]
}

func (p *parser) arguments(c *comparison) (err error) {
	switch c.op {
	case exists, notExists:
		return nil
	case in, notIn:
		c.args, err = p.list()
	case matches, notMatches:
		var text string
		if text, err = p.regular(); err == nil {
			c.args = []string{text}
			c.matcher = newPattern(text)
		}
	default:
		var text string
		text, err = p.value()
		c.args = []string{text}
	}
	if err == nil {
		err = c.compile()
	}
	return err
}

// value parses a literal, with or without quotes.
func (p *parser) value() (string, error) {
	p.skip()
	if p.at < len(p.text) && (p.text[p.at] == '\'' || p.text[p.at] == '"') {
		end := strings.IndexByte(p.text[p.at+1:], p.text[p.at])
		if end < 0 {
			return "", errors.New("the quote is not closed")
		}
		text := p.text[p.at+1 : p.at+1+end]
		p.at += end + 2
		return text, nil
	}
	if text := p.plain(); text != "" {
		return text, nil
	}
	return "", fmt.Errorf("expected an argument, not %q", p.rest())
}

func (p *parser) list() ([]string, error) {
	if !p.take("[") {
		return nil, fmt.Errorf("expected a list such as [a, b], not %q", p.rest())
	}
	var all []string
	for {
		text, err := p.value()
		if err != nil {
			return nil, err
		}
		all = append(all, text)
		switch {
		case p.take(","):
		case p.take("]"):
			return all, nil
		default:
			return nil, fmt.Errorf("expected , or ] in the list, not %q", p.rest())
		}
	}
}

// regular parses a regular expression, with or without quotes. Without quotes it ends at white space, at an unmatched
// closing parenthesis, or at && or || outside its own parentheses and brackets.
func (p *parser) regular() (string, error) {
	begin := p.skip()
	if p.at < len(p.text) && (p.text[p.at] == '\'' || p.text[p.at] == '"') {
		return p.value()
	}
	for depth := 0; p.at < len(p.text); p.at++ {
		c := p.text[p.at]
		joined := strings.HasPrefix(p.text[p.at:], "&&") || strings.HasPrefix(p.text[p.at:], "||")
		if depth == 0 && (isSpace(c) || c == ')' || joined) {
			break
		}
		switch c {
		case '\\':
			p.at = min(p.at+1, len(p.text)-1)
		case '(', '[':
			depth++
		case ')', ']':
			depth = max(depth-1, 0)
		}
	}
	if p.at == begin {
		return "", fmt.Errorf("expected a regular expression, not %q", p.rest())
	}
	return p.text[begin:p.at], nil
}
