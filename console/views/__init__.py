"""A module per kind of page: routes that ask the API, have `console.models` make values of it, and render a template."""
