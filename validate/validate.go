package validate

// Validator says whether an event may go on.
//
// Validate returns nil, or an error with the category of what is wrong (see errcat.Of):
// the event then becomes a dead letter. It may change the event, as far as its
// documentation says so, and must keep neither the event nor anything in it. It is safe
// for concurrent use on different events.
type Validator[T any] interface {
	Validate(event *T) error
}

// Func is a Validator made of a function.
type Func[T any] func(event *T) error

// Validate calls f.
func (f Func[T]) Validate(event *T) error { return f(event) }

// All returns a Validator that asks each of vs in their order and stops at the first
// error. Without any it lets everything pass. The slice is copied; a nil member is a
// mistake of the caller and panics here rather than at the first event.
func All[T any](vs ...Validator[T]) Validator[T] {
	for _, v := range vs {
		if v == nil {
			panic("validate: a nil Validator in All")
		}
	}
	return all[T](append([]Validator[T](nil), vs...))
}

type all[T any] []Validator[T]

func (a all[T]) Validate(event *T) error {
	for _, v := range a {
		if err := v.Validate(event); err != nil {
			return err
		}
	}
	return nil
}
