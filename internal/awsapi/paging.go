package awsapi

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// maxPages limits the length of every listing, for example to 10,000 container instances or 100,000 rules.
const maxPages = 100

// pages iterates over the pages of a listing. It stops after the first error, which includes the action. More than
// maxPages pages are an error.
func pages[T any](action string, page func(token *string) ([]T, *string, error)) iter.Seq2[[]T, error] {
	return pagesUpTo(maxPages, action, page)
}

// pagesUpTo is pages with a different limit.
func pagesUpTo[T any](most int, action string, page func(token *string) ([]T, *string, error)) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		var token *string
		for range most {
			items, next, err := page(token)
			if err != nil {
				yield(nil, named(action, err))
				return
			}
			if !yield(items, nil) || aws.ToString(next) == "" {
				return
			}
			if aws.ToString(next) == aws.ToString(token) {
				yield(nil, endless(action, "the page token is the same as before"))
				return
			}
			token = next
		}
		yield(nil, endless(action, fmt.Sprintf("there are more than %d pages", most)))
	}
}

// paged returns the items of all pages. If there is an error, it also returns the items read before it.
func paged[T any](action string, page func(token *string) ([]T, *string, error)) ([]T, error) {
	var all []T
	for items, err := range pages(action, page) {
		if err != nil {
			return all, err
		}
		all = append(all, items...)
	}
	return all, nil
}

func endless(action, what string) error {
	return &Error{Action: action, Kind: Failed, Err: fmt.Errorf("the list does not end: %s", what)}
}

// batched calls describe for the ids in batches of the given size, and stops at the first error. It makes no call if
// ids is empty, because EC2 would then return all resources.
func batched[T any](ids []string, size int, describe func(batch []string) ([]T, error)) ([]T, error) {
	var all []T
	for batch := range slices.Chunk(ids, size) {
		some, err := describe(batch)
		all = append(all, some...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// existing describes ids of which some may no longer exist. EC2 then rejects the whole call, and its message lists the
// missing ids, so existing retries without them.
func existing[T any](ids []string, gone string, describe func([]string) ([]T, error)) ([]T, error) {
	out, err := describe(ids)
	var e *Error
	if !errors.As(err, &e) || e.Code != gone {
		return out, err
	}
	said := strings.FieldsFunc(e.Err.Error(), func(r rune) bool { return strings.ContainsRune(" ',", r) })
	left := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(said, id) })
	switch len(left) {
	case 0:
		return nil, nil
	case len(ids):
		return out, err
	}
	return describe(left)
}
