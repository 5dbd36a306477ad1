package herd

func (f *fleet) plot() string { return "" }
