"""Over-refusal prompts for a team's own domain: written by a model, moderated by several, checked by people.

The recipe is that of OR-Bench: harmful intents of a topic, harmless requests that look like them, a vote of
several models on whether they are harmless, near duplicates out. There it ends; here people have the last
word, since models that vote are the weak point of it.

Source: Cui, Chiang, Stoica & Hsieh (2025), OR-Bench, ICML, section 3. All instructions are our own words.
"""
