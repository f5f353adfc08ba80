"""A slot as a value: held, renewed, lost, fenced, labelled."""
