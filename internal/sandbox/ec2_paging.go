package sandbox

import (
	"encoding/xml"
	"slices"
	"strconv"
	"strings"
)

// ec2Set is a named list, and ec2Token the token of its next page.
type ec2Set[T any] struct {
	XMLName xml.Name
	Items   []T `xml:"item"`
}

type ec2Token struct {
	XMLName xml.Name `xml:"nextToken"`
	Value   string   `xml:",chardata"`
}

// ec2Limits are the limits of an action: IDs in a call, and items in a page.
type ec2Limits struct {
	ids      int
	min, max int
}

// ec2Default applies to most actions: up to 1,000 IDs, pages of 5 to 1,000.
func ec2Default() ec2Limits { return ec2Limits{1000, 5, 1000} }

// ec2Page returns one page of a set. The token is an offset, which clients must treat as opaque. noBoth, if set, names
// the IDs that cannot be combined with MaxResults.
func ec2Page[T any](r *request, set string, all []T, l ec2Limits, noBoth string) (any, *apiError) {
	size, from := len(all), 0
	if r.form.Has("MaxResults") {
		n, err := strconv.Atoi(r.form.Get("MaxResults"))
		if err != nil || n < l.min || n > l.max {
			return nil, invalid(
				"InvalidParameterValue",
				"Value ( %s ) for parameter maxResults is invalid. Expecting a value between %d and %d.",
				r.form.Get("MaxResults"),
				l.min,
				l.max,
			)
		}
		if noBoth != "" && len(r.list(noBoth)) > 0 {
			return nil, invalid("InvalidParameterCombination", "The parameter %s cannot be used with the parameter maxResults", noBoth)
		}
		size = n
	}
	if token := r.form.Get("NextToken"); token != "" {
		n, err := strconv.Atoi(token)
		if err != nil || n < 0 || n > len(all) {
			return nil, invalid("InvalidParameterValue", "Invalid value '%s' for nextToken.", token)
		}
		from = n
	}
	to := min(from+size, len(all))
	out := []any{ec2Set[T]{XMLName: xml.Name{Local: set}, Items: all[from:to]}}
	if to < len(all) {
		out = append(out, ec2Token{Value: strconv.Itoa(to)})
	}
	return out, nil
}

// chosen returns the items with the IDs in the request, or all items without IDs. An unknown ID fails the whole call.
func chosen[T any](r *request, prefix, noun, code string, all []T, id func(T) string) ([]T, *apiError) {
	ids := r.list(prefix)
	if len(ids) == 0 {
		return all, nil
	}
	if len(ids) > ec2Default().ids {
		return nil, invalid("InvalidParameterValue", "too many ids: %d", len(ids))
	}
	byID := map[string]T{}
	for _, item := range all {
		byID[id(item)] = item
	}
	var out []T
	var missing []string
	for _, wanted := range ids {
		if item, ok := byID[wanted]; ok {
			out = append(out, item)
		} else {
			missing = append(missing, wanted)
		}
	}
	switch len(missing) {
	case 0:
		return out, nil
	case 1:
		return nil, invalid(code, "The %s ID '%s' does not exist", noun, missing[0])
	}
	return nil, invalid(code, "The %s IDs '%s' do not exist", noun, strings.Join(missing, ", "))
}

// filtered returns the items that match the request's filters. If a property has several values, one match is enough.
func filtered[T any](r *request, all []T, properties func(T) map[string][]string) ([]T, *apiError) {
	filters := r.filters("Filter", "Value")
	for _, values := range filters {
		if len(values) > 200 {
			return nil, invalid("FilterLimitExceeded", "The maximum number of filter values specified on a single call is 200")
		}
	}
	var out []T
	for _, item := range all {
		fits := true
		for name, values := range filters {
			has, known := properties(item)[name]
			if !known {
				return nil, invalid("InvalidParameterValue", "The filter '%s' is invalid", name)
			}
			fits = fits && slices.ContainsFunc(has, func(v string) bool {
				return slices.ContainsFunc(values, func(pattern string) bool { return wildcard(pattern, v) })
			})
		}
		if fits {
			out = append(out, item)
		}
	}
	return out, nil
}

// wildcard matches like an EC2 filter: * matches any characters, ? matches one, and \ escapes.
func wildcard(pattern, text string) bool {
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '*':
			for from := range len(text) + 1 {
				if wildcard(pattern[i+1:], text[from:]) {
					return true
				}
			}
			return false
		case c == '\\' && i+1 < len(pattern):
			i++
			c = pattern[i]
			fallthrough
		default:
			if text == "" || c != '?' && pattern[i] != text[0] {
				return false
			}
			text = text[1:]
		}
	}
	return text == ""
}
