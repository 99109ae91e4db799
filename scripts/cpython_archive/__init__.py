"""How `scripts/python-archive` makes a relocatable archive from an interpreter. Standard library only."""
