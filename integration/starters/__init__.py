"""Small applications of every framework that inference knows, built, started and asked."""
