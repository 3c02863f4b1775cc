create index plain_texts_words_idx on plain_texts using gin (words);
