"""The manifest language: text in, checked documents out, with every problem at once and where each field is written.

Pure, as the core is. Begin with `manifest.load`; `yaml12` reads text, `documents` finds what it declares, `expand` and
`references` put values in, `check` asks AWS's own shapes, `crosscheck` looks at documents beside each other.
"""
