import hashlib

from django import forms

from .models import Document


class DocumentForm(forms.ModelForm):
    class Meta:
        model = Document
        fields = ["ship", "file"]

    def save(self, commit=True):
        upload = self.cleaned_data["file"]
        digest = hashlib.sha256()
        for chunk in upload.chunks():
            digest.update(chunk)
        self.instance.size, self.instance.sha256 = upload.size, digest.hexdigest()
        return super().save(commit)
