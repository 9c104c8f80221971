"""The manifest language: from the text of files to checked resources, with every problem and the place of every field.

Pure, as the core is. Start with `manifest.load`. `yaml12` parses text, `documents` finds the documents in it, `expand`
and `references` fill in values, `check` checks bodies against AWS's shapes, `crosscheck` compares documents with each
other.
"""
