package joined

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
)

// detailed says more with %+v and to log/slog than in its text.
type detailed string

func (d detailed) Error() string { return string(d) }

func (d detailed) LogValue() slog.Value {
	return slog.GroupValue(slog.String("error", string(d)), slog.String("more", "details"))
}

func (d detailed) Format(s fmt.State, verb rune) {
	_, _ = fmt.Fprint(s, string(d))
	if verb == 'v' && s.Flag('+') {
		_, _ = fmt.Fprint(s, " with details")
	}
}

func TestErrors(t *testing.T) {
	assert.NoError(t, Errors())
	assert.NoError(t, Errors(nil, nil))
	a, b, c := errors.New("a"), detailed("b"), fs.ErrNotExist
	assert.Equal(t, b, Errors(nil, b), "one stays as it is")
	assert.Equal(t, b, Errors(errors.Join(nil, b)))

	err := Errors(Errors(a, nil, b), errors.Join(c))
	assert.Equal(t, &Error{[]error{a, b, c}}, err)
	assert.EqualError(t, err, errors.Join(a, b, c).Error())
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.Equal(t, err.Error(), fmt.Sprintf("%v", err))
	assert.Equal(t, fmt.Sprintf("%q", err.Error()), fmt.Sprintf("%q", err))
	assert.Equal(t, "a\nb with details\nfile does not exist", fmt.Sprintf("%+v", err))

	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Error("x", "err", err)
	assert.Contains(t, logged.String(), `err.1=a err.2.error=b err.2.more=details err.3="file does not exist"`)
}

// An error with words of its own is not taken apart: they would be lost.
func TestList(t *testing.T) {
	a, b, c := errors.New("a"), errors.New("b"), errors.New("c")
	words := fmt.Errorf("words: %w, %w", a, b)
	for _, test := range []struct {
		name string
		err  error
		want []error
	}{
		{"nil", nil, nil},
		{"one", a, []error{a}},
		{"joined on two levels", errors.Join(a, errors.Join(b, c)), []error{a, b, c}},
		{"joined here and there", Errors(errors.Join(a, b), c), []error{a, b, c}},
		{"with words", errors.Join(words, c), []error{words, c}},
	} {
		assert.Equal(t, test.want, List(test.err), test.name)
	}
}
